#include <fmt/core.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/forward.h"
#include "cli/work.h"
#include "rollout/advice.h"

namespace cli {
namespace {

// A phase begins where the one before it ended: what was skipped would run without having been asked for.
void CheckOrder(Work& work, plan::Phase phase) {
  for (const plan::Phase before : work.plan().Phases()) {
    if (before >= phase) return;
    if (work.Position().ForwardFrom() >= work.plan().EndOf(before)) continue;
    throw base::Error(base::Code::kPhaseOrder,
                      fmt::format("{} comes before {}, and is not done", Name(before), Name(phase)))
        .Hint(fmt::format("Run `switchback {} {}` first.", Name(before), work.release().name));
  }
}

Outcome RunPhase(const Invocation& invocation, plan::Phase phase) {
  Context context(invocation);
  Work work(context);
  CheckOrder(work, phase);
  return Forward(invocation, context, work, phase, phase == plan::Phase::kPurge, phase == plan::Phase::kMigrate);
}

Command PhaseCommand(plan::Phase phase, std::string summary, std::string text) {
  return {.name = std::string(Name(phase)),
          .summary = std::move(summary),
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .options = phase == plan::Phase::kMigrate ? BackfillOptions() : ForwardOptions(),
          .text = std::move(text),
          .verb = [phase](const Invocation& invocation) { return RunPhase(invocation, phase); }};
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
