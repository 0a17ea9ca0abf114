#include "rollout/checkpoint.h"

#include <fmt/core.h>

#include "base/time.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace cli {
namespace {

std::string Show(const checkpoint::Checkpoint& taken) {
  std::string text = fmt::format("{}: checkpoint at {} ({}), WAL archived, backup {}", taken.release,
                                 taken.point.lsn.Text(), base::FormatTime(taken.time), taken.backup_id);
  if (!taken.point.name.empty()) text += fmt::format("\n  restore point: {}", taken.point.name);
  text += fmt::format("\n  stream: {}", taken.slot.empty() ? "off" : "slot " + taken.slot);
  text += fmt::format("\n  contents: {}",
                      taken.content ? fmt::format("hashes of {} tables", taken.content->size()) : "not checked");
  if (taken.proof) {
    text += fmt::format("\n  proven: restored in {} and verified in {}",
                        base::FormatDuration(taken.proof->copy + taken.proof->recover),
                        base::FormatDuration(taken.proof->verify));
  }
  for (const std::string& off : taken.abilities_off) text += fmt::format("\n  off: {}", off);
  return text;
}

Outcome RunCheckpoint(const Invocation& invocation) {
  Context context(invocation);
  rollout::OpenRelease open(context.Opening());
  const checkpoint::Checkpoint taken = rollout::TakeCheckpoint(
      open, {.content_hash = invocation.Has("--content-hash"), .prove = invocation.Has("--prove")});
  return {.result = checkpoint::ToJson(taken),
          .text = Show(taken),
          .next = fmt::format("switchback run {}", open.release().name)};
}

}  // namespace

Command Checkpoint() {
  return {
      .name = "checkpoint",
      .summary = "Take the checkpoint of a release: backup, slot, restore point",
      .arguments = {{.name = "RELEASE",
                     .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
      .options = {{.name = "--content-hash", .help = "cut exactly, and keep counts and hashes of the release's tables"},
                  {.name = "--prove", .help = "restore it into a temporary server, compare, measure, remove"}},
      .text =
          "Ends when the WAL up to the restore point is in the archive, not before. A base backup that is young enough "
          "is used again.\n"
          "Before the first step, and again after an undo to the start, a new checkpoint takes the place of the one "
          "before. While\n"
          "a step of the release stands none is taken: it would hold what a restore is to lead away from.",
      .verb = RunCheckpoint,
      .changes = true};
}

}  // namespace cli
