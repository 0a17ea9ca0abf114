#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/context.h"
#include "cli/forward.h"

namespace cli {
namespace {

Outcome RunPhase(const Invocation& invocation, plan::Phase phase) {
  Context context(invocation);
  if (phase >= plan::Phase::kContract) Confirm(context, std::string(Name(phase)));
  rollout::OpenRelease open(context.Opening());
  return Forward(invocation, open,
                 {.until = phase,
                  .in_order = true,
                  .fill_again = phase == plan::Phase::kMigrate,
                  .close_window = phase == plan::Phase::kPurge});
}

std::vector<Option> OptionsOf(plan::Phase phase) {
  std::vector<Option> options = phase == plan::Phase::kMigrate ? BackfillOptions() : ForwardOptions();
  if (phase >= plan::Phase::kContract) options.push_back(YesOption());
  return options;
}

Command PhaseCommand(plan::Phase phase, std::string summary, std::string text) {
  return {.name = std::string(Name(phase)),
          .summary = std::move(summary),
          .arguments = {{.name = "RELEASE",
                         .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
          .options = OptionsOf(phase),
          .text = std::move(text),
          .verb = [phase](const Invocation& invocation) { return RunPhase(invocation, phase); },
          .changes = true};
}

}  // namespace

Command Expand() {
  return PhaseCommand(plan::Phase::kExpand, "Add what the new version needs, beside what the old one uses",
                      "The gate decides first; a step that was left unfinished is found and finished.");
}
Command Migrate() {
  return PhaseCommand(plan::Phase::kMigrate, "Fill what was added; then both versions work",
                      "The gate decides first; a step that was left unfinished is found and finished.");
}
Command Switch() {
  return PhaseCommand(plan::Phase::kSwitch, "Swap the names of columns that change their type",
                      "The gate decides first. Only releases that retype a column under its own name have this phase.");
}
Command Contract() {
  return PhaseCommand(
      plan::Phase::kContract, "Retire what only the old version used; nothing is dropped",
      "Stop the old version first. The gate decides; what is retired comes back with `switchback rollback`.");
}
Command Purge() {
  return PhaseCommand(
      plan::Phase::kPurge, "Drop what was retired: there is no undo after it",
      "The gate decides first. After purge only the restore to the checkpoint is left: the slot, which keeps "
      "what applications wrote\nsince, is dropped. Where nothing was retired, this closes the rollback window.");
}

}  // namespace cli
