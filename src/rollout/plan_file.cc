#include "rollout/plan_file.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/file.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "journal/position.h"

namespace rollout {

std::filesystem::path PlanPath(const release::Release& release) { return release.directory / kPlanName; }

std::optional<plan::Plan> LoadPlan(const release::Release& release) {
  const std::filesystem::path path = PlanPath(release);
  const std::optional<std::string> text = base::ReadFileIfExists(path);
  if (!text) return {};
  return plan::PlanFromJson(base::ParseJson(*text, path.string()));
}

std::optional<plan::Plan> FindPlan(const release::Release& release, const journal::Journal& journal,
                                   pg::Connection* connection) {
  std::optional<plan::Plan> plan = LoadPlan(release);
  const journal::Event* opened = journal.Last("opened");
  if (opened == nullptr || connection == nullptr) return plan;
  const std::string began = opened->body.value("plan", "");
  if (plan && (plan->digest == began || journal::NothingDone(journal.events()))) return plan;
  const std::optional<std::string> text = journal::LoadFile(*connection, release.name, kPlanName);
  if (!text) return plan;
  plan::Plan theirs = plan::PlanFromJson(base::ParseJson(*text, fmt::format("the database's {}", kPlanName)));
  return theirs.digest == began ? std::optional(std::move(theirs)) : plan;
}

plan::Plan Required(std::optional<plan::Plan> plan, const release::Release& release) {
  if (plan) return std::move(*plan);
  throw base::Error(base::Code::kNoPlan, fmt::format("{} has no plan", release.name))
      .Hint(fmt::format("Make one with `switchback plan {}`.", release.name));
}

std::string PlanText(const plan::Plan& plan) { return plan::ToJson(plan).dump(2) + "\n"; }

void StorePlan(const release::Release& release, const plan::Plan& plan) {
  base::WriteFile(PlanPath(release), PlanText(plan));
}

plan::Plan CompileAgainst(const release::Release& release, pg::Connection& connection) {
  const plan::Needs needs = plan::NeedsOf(release);
  return plan::Compile(release, catalog::Read(connection, {.relations = needs.relations,
                                                           .types = needs.types,
                                                           .statements = needs.statements,
                                                           .functions = needs.functions,
                                                           .own_settings = true}));
}

}  // namespace rollout
