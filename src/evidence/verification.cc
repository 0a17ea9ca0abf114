#include <fmt/core.h>

#include "evidence/verify.h"

namespace evidence {

using base::Json;

Json ToJson(const Verification& verification) {
  Json findings = Json::array();
  for (const Finding& finding : verification.findings) {
    findings.push_back(
        {{"file", finding.file}, {"line", finding.line}, {"kind", finding.kind}, {"text", finding.text}});
  }
  return {{"holds", verification.Holds()}, {"release", verification.release}, {"events", verification.events},
          {"findings", findings},          {"checked", verification.checked}, {"unchecked", verification.unchecked}};
}

std::string Text(const Verification& verification) {
  std::string text = verification.Holds() ? "The package holds." : "The package does not hold.";
  for (const Finding& finding : verification.findings) {
    text += fmt::format("\n  broken     {}: {} ({})", finding.file, finding.text, finding.kind);
  }
  for (const std::string& sentence : verification.checked) text += "\n  checked    " + sentence;
  for (const std::string& sentence : verification.unchecked) text += "\n  unchecked  " + sentence;
  return text;
}

base::Error Refusal(const Verification& verification) {
  const Finding& first = verification.findings.at(0);
  base::Error error(base::Code::kEvidenceBroken, "the evidence package does not hold");
  error.At(first.file, static_cast<int>(first.line), 0).Detail(fmt::format("{}: {}", first.file, first.text));
  return error;
}

}  // namespace evidence
