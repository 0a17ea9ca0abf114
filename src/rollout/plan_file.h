#pragma once

#include <filesystem>
#include <optional>

#include "pg/connection.h"
#include "plan/plan.h"
#include "release/release.h"

namespace rollout {

// releases/NAME/plan.lock.json.
std::filesystem::path PlanPath(const release::Release& release);
// Nothing: there is none. Throws kBadJson, kPlanTampered.
std::optional<plan::Plan> LoadPlan(const release::Release& release);
// Throws kNoPlan too.
plan::Plan RequirePlan(const release::Release& release);
void StorePlan(const release::Release& release, const plan::Plan& plan);

// Reads what the release needs to know of the database, and compiles it.
plan::Plan CompileAgainst(const release::Release& release, pg::Connection& connection);

}  // namespace rollout
