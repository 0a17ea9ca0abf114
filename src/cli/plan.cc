#include "cli/plan.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/trust.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/show_plan.h"
#include "journal/position.h"
#include "plan/plan.h"
#include "rollout/plan_file.h"
#include "run/identity.h"
#include "run/look.h"

namespace cli {
namespace {

// A release of which something is done keeps its plan: the objects are no longer those that it was made for.
Outcome UnderWay(const release::Release& release, const journal::Journal& journal) {
  const journal::Event* opened = journal.Last("opened");
  const std::string began = opened == nullptr ? "" : opened->body.value("plan", "");
  const plan::Plan plan = rollout::RequirePlan(release);
  if (plan.digest != began) {
    throw base::Error(base::Code::kOtherInputs, fmt::format("{} is under way with another plan", release.name))
        .Detail(fmt::format("it began with {}, and plan.lock.json has {}", began, plan.digest))
        .Hint(
            "Take the plan.lock.json it began with from Git, or go back to the start with `switchback rollback` and "
            "plan again.");
  }
  return {
      .result = {{"plan", PlanFacts(plan)}, {"under_way", true}, {"written", false}, {"changes", base::Json::array()}},
      .text = fmt::format("{}\n\nthe release is under way with this plan; it was not made again", ShowPlan(plan)),
      .next = fmt::format("switchback status {}", release.name)};
}

// What changed in the touched objects since the plan that is there was made; for people who plan again.
std::vector<std::string> Changes(const release::Release& release, const plan::Plan& plan) {
  try {
    const std::optional<plan::Plan> before = rollout::LoadPlan(release);
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

Outcome Made(const release::Release& release, const plan::Plan& plan) {
  Outcome outcome;
  outcome.result = {{"plan", PlanFacts(plan)},
                    {"under_way", false},
                    {"written", plan.blockers.empty()},
                    {"changes", base::Json::array()}};
  outcome.text = ShowPlan(plan);
  if (!plan.blockers.empty()) {
    outcome.exit = base::Exit::kNoGo;
    outcome.next = "do what stands below each blocker, then plan again";
    return outcome;
  }
  const std::vector<std::string> changes = Changes(release, plan);
  if (!changes.empty()) {
    outcome.result["changes"] = changes;
    outcome.text += fmt::format("\n\nsince the plan that was here before\n  {}", fmt::join(changes, "\n  "));
  }
  rollout::StorePlan(release, plan);
  outcome.text += fmt::format("\n\nwrote {}", release::ShownPath(rollout::PlanPath(release)).string());
  outcome.next = fmt::format("switchback checkpoint {}", release.name);
  return outcome;
}

Outcome RunPlan(const Invocation& invocation) {
  Context context(invocation);
  return MakePlan(context);
}

}  // namespace

Outcome MakePlan(Context& context) {
  const release::Release& release = context.release();
  // Refuses what cannot be read before anything is connected to.
  plan::NeedsOf(release);
  pg::Connection connection = context.Connect();
  const journal::Journal journal = run::OpenJournal(connection, release.name, context.StateDirectory());
  if (!journal::NothingDone(journal.events())) return UnderWay(release, journal);
  const plan::Plan plan = rollout::CompileAgainst(release, connection);
  catalog::RequireTrust(connection, plan.tables, plan::AuthorsPath(plan));
  return Made(release, plan);
}

Command Plan() {
  return {.name = "plan",
          .summary = "Compile a release into steps, each with its lock and its way back",
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .text =
              "Reads change.sql and the objects that it touches, prints phases, steps, locks, ways back, the point of "
              "no return and\n"
              "what applications may notice, and writes plan.lock.json. Nothing in the database is changed. A change "
              "that something\n"
              "blocks ends with exit 10 and the name of each blocker.",
          .verb = RunPlan};
}

}  // namespace cli
