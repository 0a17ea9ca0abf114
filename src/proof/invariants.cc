#include "proof/invariants.h"

#include <fmt/core.h>

#include <string_view>

#include "base/redact.h"
#include "proof/question.h"

namespace proof {
namespace {

using base::Json;

bool IsDigits(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// A plain decimal number in its one shortest form: "-0012.50" is "-12.5". Nothing: it is none.
std::optional<std::string> Decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "0" : text.substr(point + 1);
  if (!IsDigits(whole) || !IsDigits(fraction)) return std::nullopt;
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  std::string shortest = fmt::format("{}{}{}", whole, fraction.empty() ? "" : ".", fraction);
  return negative && shortest != "0" ? "-" + shortest : shortest;
}

std::string TextOf(const Json& expected) {
  if (expected.is_null()) return "NULL";
  if (expected.is_boolean()) return expected.get<bool>() ? "t" : "f";
  return expected.is_string() ? expected.get<std::string>() : expected.dump();
}

}  // namespace

bool SameValue(const Json& expected, const std::optional<std::string>& found) {
  if (expected.is_null() || !found) return expected.is_null() && !found;
  const std::string wanted = TextOf(expected);
  if (expected.is_number()) {
    const std::optional<std::string> number = Decimal(*found);
    if (number) return number == Decimal(wanted);
  }
  return wanted == *found;
}

std::vector<InvariantResult> AskInvariants(pg::Connection& connection,
                                           const std::vector<release::Invariant>& invariants,
                                           std::chrono::milliseconds timeout) {
  std::vector<std::string> questions;
  for (const release::Invariant& invariant : invariants) questions.push_back(invariant.sql);
  const std::vector<Answer> answers = Ask(connection, questions, timeout);
  std::vector<InvariantResult> results;
  for (std::size_t i = 0; i < invariants.size(); ++i) {
    InvariantResult& result = results.emplace_back();
    result.name = invariants[i].name;
    result.expected = TextOf(invariants[i].expect);
    result.error = answers[i].error;
    if (!result.error.empty()) continue;
    const std::string found = answers[i].value.value_or("NULL");
    result.holds = SameValue(invariants[i].expect, answers[i].value);
    // A count is no value of a row, and neither is what release.yaml says itself.
    const bool plain = *result.holds || !answers[i].value || Decimal(found) || found == "t" || found == "f";
    result.found = plain ? found : base::ShownValue(found);
  }
  return results;
}

}  // namespace proof
