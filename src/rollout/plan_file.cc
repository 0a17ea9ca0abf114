#include "rollout/plan_file.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/file.h"
#include "catalog/read.h"

namespace rollout {

std::filesystem::path PlanPath(const release::Release& release) { return release.directory / "plan.lock.json"; }

std::optional<plan::Plan> LoadPlan(const release::Release& release) {
  const std::filesystem::path path = PlanPath(release);
  const std::optional<std::string> text = base::ReadFileIfExists(path);
  if (!text) return {};
  return plan::PlanFromJson(base::ParseJson(*text, path.string()));
}

plan::Plan RequirePlan(const release::Release& release) {
  std::optional<plan::Plan> plan = LoadPlan(release);
  if (!plan) {
    throw base::Error(base::Code::kNoPlan, fmt::format("{} has no plan", release.name))
        .Hint(fmt::format("Make one with `switchback plan {}`.", release.name));
  }
  return std::move(*plan);
}

void StorePlan(const release::Release& release, const plan::Plan& plan) {
  base::WriteFile(PlanPath(release), plan::ToJson(plan).dump(2) + "\n");
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
