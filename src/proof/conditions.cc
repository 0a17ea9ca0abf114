#include "proof/conditions.h"

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>

namespace proof {
namespace {

std::optional<double> NumberIn(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);  // more than a double holds is infinite, and above any limit
  const bool whole = end == text.c_str() + text.size() && !text.empty() && text.front() != ' ';
  if (!whole || std::isnan(number)) return {};
  return number;
}

}  // namespace

base::Json ToJson(const ConditionStanding& standing) {
  const auto text = [](const std::string& value) { return value.empty() ? base::Json() : base::Json(value); };
  return {{"name", standing.name},
          {"max", standing.max},
          {"found", standing.found ? base::Json(*standing.found) : base::Json()},
          {"error", text(standing.error)},
          {"above_since", standing.above_since ? base::Json(base::FormatTime(*standing.above_since)) : base::Json()},
          {"for", text(standing.lasting)},
          {"fired", standing.fired},
          {"then", standing.then}};
}

std::vector<ConditionStanding> Conditions::Look(pg::Connection& connection,
                                                const std::vector<release::RollbackCondition>& conditions,
                                                std::chrono::milliseconds timeout) {
  std::vector<std::string> questions;
  for (const release::RollbackCondition& condition : conditions) {
    if (!condition.sql.empty()) questions.push_back(condition.sql);
  }
  const std::vector<Answer> answers = Ask(connection, questions, timeout);
  const base::Time now = base::Now();
  std::vector<ConditionStanding> standings;
  auto answer = answers.begin();
  for (const release::RollbackCondition& condition : conditions) {
    const Answer unasked{.value = std::nullopt, .error = "Prometheus is not asked by this version"};
    standings.push_back(Judge(condition, condition.sql.empty() ? unasked : *answer++, now));
  }
  return standings;
}

ConditionStanding Conditions::Judge(const release::RollbackCondition& condition, const Answer& answer, base::Time now) {
  ConditionStanding standing{.name = condition.name,
                             .max = condition.max,
                             .found = answer.value ? NumberIn(*answer.value) : std::nullopt,
                             .error = answer.error,
                             .above_since = std::nullopt,
                             .lasting = condition.duration,
                             .fired = false,
                             .then = condition.then};
  if (!standing.found && standing.error.empty()) {
    standing.error = fmt::format("it gives {}, and ought to give a number", answer.value.value_or("NULL"));
  }
  if (standing.found && *standing.found <= condition.max) above_since_.erase(condition.name);
  if (standing.found && *standing.found > condition.max) above_since_.emplace(condition.name, now);
  const auto since = above_since_.find(condition.name);
  if (since == above_since_.end()) return standing;
  standing.above_since = since->second;
  const auto lasting =
      condition.duration.empty() ? std::chrono::milliseconds(0) : base::ParseDuration(condition.duration);
  standing.fired = standing.found && now - since->second >= lasting;
  return standing;
}

}  // namespace proof
