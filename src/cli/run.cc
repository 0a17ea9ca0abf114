#include <fmt/core.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/context.h"
#include "cli/forward.h"
#include "cli/plan.h"
#include "rollout/checkpoint.h"
#include "rollout/plan_file.h"

namespace cli {
namespace {

Outcome RunPhases(const Invocation& invocation) {
  const std::string until = invocation.Option("--until");
  // The last boundary before contract: there the new version may be deployed, and the old one still works.
  const plan::Phase phase = until.empty() ? plan::Phase::kSwitch : plan::ParsePhase(until);
  Context context(invocation);
  if (phase >= plan::Phase::kContract) Confirm(context, fmt::format("run --until {}", Name(phase)));
  if (!rollout::LoadPlan(context.release())) {
    const Outcome planned = MakePlan(context);
    if (planned.exit != base::Exit::kDone) return planned;
    base::Info("{}", planned.text);
  }
  rollout::OpenRelease open(context.Opening());
  if (rollout::NeedsCheckpoint(open)) rollout::TakeCheckpoint(open, {});
  return Forward(invocation, open, {.until = phase, .fill_again = phase >= plan::Phase::kMigrate});
}

}  // namespace

Command RunRelease() {
  std::vector<Option> options = {
      {.name = "--until",
       .value = "PHASE",
       .help = "the last phase (default: the last one before contract, where the new version may be deployed)"}};
  for (Option& option : BackfillOptions()) options.push_back(std::move(option));
  options.push_back(YesOption());
  return {
      .name = "run",
      .summary = "Run a release phase by phase, stopping at the first verdict that is not GO",
      .arguments = {{.name = "RELEASE",
                     .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
      .options = std::move(options),
      .text =
          "Begins where the release stands, also after a crash; takes a checkpoint where there is none, and makes the "
          "plan before. Each phase has its own verdict.",
      .verb = RunPhases,
      .changes = true};
}

}  // namespace cli
