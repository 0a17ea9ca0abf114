#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/codes.h"
#include "base/error.h"
#include "base/exits.h"
#include "base/failpoint.h"
#include "cli/commands.h"
#include "release/nearest.h"

namespace cli {
namespace {

base::Json ToJson(const base::CodeInfo& info) {
  return {{"code", base::CodeText(info.code)},
          {"name", info.name},
          {"exit", static_cast<int>(info.exit)},
          {"meaning", info.meaning},
          {"remedy", info.remedy}};
}
base::Json ToJson(const base::FailpointInfo& info) { return {{"failpoint", info.name}, {"where", info.where}}; }
base::Json ToJson(const base::ExitInfo& info) {
  return {{"exit", static_cast<int>(info.exit)}, {"meaning", info.meaning}};
}

Outcome ListAll() {
  Outcome outcome;
  outcome.result = {
      {"codes", base::Json::array()}, {"exits", base::Json::array()}, {"failpoints", base::Json::array()}};
  for (const base::CodeInfo& info : base::AllCodes()) {
    outcome.result["codes"].push_back(ToJson(info));
    outcome.text += fmt::format("{}  {:<24} exit {:>3}  {}\n", base::CodeText(info.code), info.name,
                                static_cast<int>(info.exit), info.meaning);
  }
  outcome.text += "\nexit codes:\n";
  for (const base::ExitInfo& info : base::AllExits()) {
    outcome.result["exits"].push_back(ToJson(info));
    outcome.text += fmt::format("{:>5}  {}\n", static_cast<int>(info.exit), info.meaning);
  }
  outcome.text += "\nfailpoints (SWITCHBACK_FAILPOINT=NAME[@N]=kill|error|stop):\n";
  for (const base::FailpointInfo& info : base::AllFailpoints()) {
    outcome.result["failpoints"].push_back(ToJson(info));
    outcome.text += fmt::format("  {:<24} {}\n", info.name, info.where);
  }
  outcome.text.pop_back();
  return outcome;
}

std::string Upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// "SB2303", "sb2303", "2303", "BadYaml".
const base::CodeInfo* FindCode(const std::string& word) {
  for (const base::CodeInfo& info : base::AllCodes()) {
    const std::string text = base::CodeText(info.code);
    if (Upper(word) == text || word == text.substr(2) || Upper(word) == Upper(std::string(info.name))) return &info;
  }
  return nullptr;
}

[[noreturn]] void Unknown(const std::string& word) {
  std::vector<std::string> names;
  for (const base::CodeInfo& info : base::AllCodes()) {
    names.push_back(base::CodeText(info.code));
    names.emplace_back(info.name);
  }
  for (const base::FailpointInfo& info : base::AllFailpoints()) names.emplace_back(info.name);
  const std::string near = release::Nearest(word, names);
  throw base::Error(base::Code::kUsage, fmt::format("\"{}\" is no code, exit code or failpoint", word))
      .Hint(near.empty() ? "`switchback explain` lists them all." : fmt::format("Did you mean {}?", near));
}

Outcome RunExplain(const Invocation& invocation) {
  const std::string word = invocation.Argument("CODE");
  if (word.empty()) return ListAll();
  if (const base::CodeInfo* code = FindCode(word)) {
    return {.result = ToJson(*code),
            .text = fmt::format("{} {} (exit {})\n\n{}\n{}", base::CodeText(code->code), code->name,
                                static_cast<int>(code->exit), code->meaning, code->remedy)};
  }
  for (const base::ExitInfo& info : base::AllExits()) {
    if (word != std::to_string(static_cast<int>(info.exit))) continue;
    return {.result = ToJson(info), .text = fmt::format("exit {}\n\n{}", word, info.meaning)};
  }
  for (const base::FailpointInfo& info : base::AllFailpoints()) {
    if (word == info.name)
      return {.result = ToJson(info), .text = fmt::format("failpoint {}\n\n{}", info.name, info.where)};
  }
  Unknown(word);
}

}  // namespace

Command Explain() {
  return {.name = "explain",
          .summary = "Say what a code, an exit code or a failpoint means, and what to do",
          .arguments = {{.name = "CODE",
                         .help = "SB2303, 2303, an exit code or a failpoint; without it, all are listed",
                         .required = false}},
          .verb = RunExplain,
          .anywhere = true};
}

}  // namespace cli
