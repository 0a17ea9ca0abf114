#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"
#include "release/release.h"

namespace rollout {

struct MadePlan {
  plan::Plan plan;
  bool under_way = false;                 // the release is under way with this plan, and it was not made again
  bool written = false;                   // into plan.lock.json; not where something blocks it
  std::vector<std::string> changes = {};  // in the touched objects, since the plan that was there was made; for people
};

// Compiles the release against the database, and writes plan.lock.json. `state`: of the release. Throws kNoPlan and
// kOtherInputs where the release is under way without its plan, or with another one, and what compiling throws.
MadePlan MakePlan(const release::Release& release, const std::filesystem::path& state, pg::Connection& connection);

}  // namespace rollout
