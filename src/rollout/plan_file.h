#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "journal/journal.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "release/release.h"

namespace rollout {

inline constexpr const char* kPlanName = "plan.lock.json";
// releases/NAME/plan.lock.json.
std::filesystem::path PlanPath(const release::Release& release);
// Nothing: there is none. Throws kBadJson, kPlanTampered.
std::optional<plan::Plan> LoadPlan(const release::Release& release);
// The checkout's; where that is not there, or is not the one that the release was begun with while anything of it is
// done, the database's. `connection`: null where the database does not answer.
std::optional<plan::Plan> FindPlan(const release::Release& release, const journal::Journal& journal,
                                   pg::Connection* connection);
// Throws kNoPlan where there is none.
plan::Plan Required(std::optional<plan::Plan> plan, const release::Release& release);
std::string PlanText(const plan::Plan& plan);
void StorePlan(const release::Release& release, const plan::Plan& plan);

// Reads what the release needs to know of the database, and compiles it.
plan::Plan CompileAgainst(const release::Release& release, pg::Connection& connection);

}  // namespace rollout
