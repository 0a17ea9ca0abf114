#include "rollout/make_plan.h"

#include <fmt/core.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/trust.h"
#include "journal/position.h"
#include "rollout/plan_file.h"
#include "run/look.h"

namespace rollout {
namespace {

// A release of which something is done keeps its plan: the objects are no longer those that it was made for.
MadePlan UnderWay(const release::Release& release, const journal::Journal& journal, pg::Connection& connection) {
  const journal::Event* opened = journal.Last("opened");
  const std::string began = opened == nullptr ? "" : opened->body.value("plan", "");
  plan::Plan plan = Required(FindPlan(release, journal, &connection), release);
  if (plan.digest != began) {
    throw base::Error(base::Code::kOtherInputs, fmt::format("{} is under way with another plan", release.name))
        .Detail(fmt::format("it began with {}, and plan.lock.json has {}", began, plan.digest))
        .Hint(
            "Take the plan.lock.json it began with from Git, or go back to the start with `switchback rollback` and "
            "plan again.");
  }
  return {.plan = std::move(plan), .under_way = true};
}

// What changed in the touched objects since the plan that is there was made; for people who plan again.
std::vector<std::string> Changes(const release::Release& release, const plan::Plan& plan) {
  try {
    const std::optional<plan::Plan> before = LoadPlan(release);
    if (!before || before->digest == plan.digest) return {};
    base::Json was = base::Json::object();
    base::Json is = base::Json::object();
    for (const auto& [table, described] : plan.touched.items()) {
      // A change.sql that was edited may touch others; they did not change for that.
      if (!before->touched.contains(table)) continue;
      was[table] = before->touched.at(table);
      is[table] = described;
    }
    return catalog::Differences(was, is);
  } catch (const base::Error& error) {
    // A broken lock file is about to be replaced.
    if (error.code() != base::Code::kBadJson && error.code() != base::Code::kPlanTampered) throw;
  }
  return {};
}

}  // namespace

MadePlan MakePlan(const release::Release& release, const std::filesystem::path& state, pg::Connection& connection) {
  const journal::Journal journal = run::OpenJournal(connection, release.name, state);
  if (!journal::NothingDone(journal.events())) return UnderWay(release, journal, connection);
  MadePlan made{.plan = CompileAgainst(release, connection)};
  catalog::RequireTrust(connection, made.plan.tables, plan::AuthorsPath(made.plan));
  if (!made.plan.blockers.empty()) return made;
  made.changes = Changes(release, made.plan);
  StorePlan(release, made.plan);
  made.written = true;
  return made;
}

}  // namespace rollout
