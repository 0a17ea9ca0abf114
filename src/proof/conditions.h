#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "pg/connection.h"
#include "proof/question.h"
#include "release/release.h"

namespace proof {

// How a rollback condition stands.
struct ConditionStanding {
  std::string name;
  double max = 0;
  std::optional<double> found;            // nothing: it could not be asked
  std::string error;                      // why not; empty: it could
  std::optional<base::Time> above_since;  // as far as it was looked at; nothing: it is not above
  std::string lasting;                    // `for`, as the release has it; empty: none
  bool fired = false;                     // above `max` for as long as `for` asks
  std::string then;                       // the way back that the release names
};
base::Json ToJson(const ConditionStanding& standing);

// Asks the rollback conditions of a release again and again, and knows since when each is above its limit. That is not
// kept anywhere: whoever begins anew begins to count anew. An answer that could not be had ends no count.
class Conditions {
 public:
  // Conditions in SQL are asked as proof::Ask does, and throw what it throws; those for Prometheus are not asked.
  std::vector<ConditionStanding> Look(pg::Connection& connection,
                                      const std::vector<release::RollbackCondition>& conditions,
                                      std::chrono::milliseconds timeout);
  // The same of answers that were had at `now`.
  ConditionStanding Judge(const release::RollbackCondition& condition, const Answer& answer, base::Time now);

 private:
  std::map<std::string, base::Time> above_since_;  // by the condition's name
};

}  // namespace proof
