#include "cli/plan.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "plan/text.h"
#include "rollout/make_plan.h"
#include "rollout/plan_file.h"

namespace cli {
namespace {

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
  const rollout::MadePlan made = rollout::MakePlan(release, context.StateDirectory(), connection);
  Outcome outcome{.result = {{"plan", plan::Facts(made.plan)},
                             {"under_way", made.under_way},
                             {"written", made.written},
                             {"changes", made.changes}},
                  .text = plan::Text(made.plan)};
  if (made.under_way) {
    outcome.text += "\n\nthe release is under way with this plan; it was not made again";
    outcome.next = fmt::format("switchback status {}", release.name);
  } else if (!made.written) {
    outcome.exit = base::Exit::kNoGo;
    outcome.next = "do what stands below each blocker, then plan again";
  } else {
    if (!made.changes.empty()) {
      outcome.text += fmt::format("\n\nsince the plan that was here before\n  {}", fmt::join(made.changes, "\n  "));
    }
    outcome.text += fmt::format("\n\nwrote {}", release::ShownPath(rollout::PlanPath(release)).string());
    outcome.next = fmt::format("switchback checkpoint {}", release.name);
  }
  return outcome;
}

Command Plan() {
  return {.name = "plan",
          .summary = "Compile a release into steps, each with its lock and its way back",
          .arguments = {{.name = "RELEASE",
                         .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
          .text =
              "Reads change.sql and the objects that it touches, prints phases, steps, locks, ways back, the point of "
              "no return and\n"
              "what applications may notice, and writes plan.lock.json. Nothing in the database is changed. A change "
              "that something\n"
              "blocks ends with exit 10 and the name of each blocker.",
          .verb = RunPlan,
          .changes = true};
}

}  // namespace cli
