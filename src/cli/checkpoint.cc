#include "cli/checkpoint.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/time.h"
#include "checkpoint/take.h"
#include "cli/commands.h"
#include "cli/stream_term.h"
#include "journal/mirror.h"
#include "rollout/advice.h"
#include "rollout/provider.h"
#include "run/identity.h"
#include "run/lease.h"
#include "salvage/fence.h"

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
  Work work(context);
  const checkpoint::Checkpoint taken = TakeCheckpoint(
      context, work, {.content_hash = invocation.Has("--content-hash"), .prove = invocation.Has("--prove")});
  return {.result = checkpoint::ToJson(taken),
          .text = Show(taken),
          .next = fmt::format("switchback run {}", work.release().name)};
}

// A checkpoint holds what is there: with steps in it, no restore would ever lead to before them.
void RequireNothingStands(Work& work) {
  using State = journal::Position::State;
  const std::string& release = work.release().name;
  if (salvage::LookAtFence(work.connection()).tables > 0) {
    throw base::Error(base::Code::kCheckpointRefused, "the fence of a cut-over stands")
        .Detail("a new checkpoint would drop the stream that the cut-over needs")
        .Hint(fmt::format("`switchback status {}` says how it stands.", release));
  }
  const journal::Position position = work.Position();
  if (position.done == 0 && !position.half && position.state != State::kDrifted) return;
  const bool complete = position.done == work.plan().steps.size() && !position.half;
  throw base::Error(base::Code::kCheckpointRefused,
                    fmt::format("{} stands: {}", release, rollout::ShowPosition(work.plan(), position)))
      .Hint(complete ? "The next release takes a checkpoint of its own. For a backup of this moment use the tool that "
                       "makes your backups."
                     : fmt::format("The way back to before it is the checkpoint that there is. For a new one go back "
                                   "first: `switchback rollback {}`. For a backup of this moment use the tool that "
                                   "makes your backups.",
                                   release));
}

}  // namespace

checkpoint::Checkpoint TakeCheckpoint(Context& context, Work& work, const CheckpointWishes& wishes) {
  const pg::ConnectOptions& connect = work.session().connect;
  // A session of its own: who takes the lease next ends it.
  pg::Connection runner = pg::Connection::Open(connect);
  journal::InstallSchema(runner);
  const run::Lease lease(connect, runner, work.release().name, work.session().tag_secret);
  run::EnterRelease(work.connection(), work.session());
  work.journal().Append("lease", lease.taken());
  RequireNothingStands(work);
  DropStreamsOver(context, work);
  const release::Environment& environment = context.project().environment;
  const backup::Line line = backup::ReadLine(work.connection());
  return checkpoint::Take(work.plan(),
                          {.conninfo = work.session().connect.conninfo,
                           .environment = environment.name,
                           .line = line.restored,
                           .state = work.state(),
                           .policy = environment.policy,
                           .lock_budget = connect.lock_budget,
                           .stop = connect.stop,
                           .content_hash = wishes.content_hash,
                           .prove = wishes.prove,
                           .alone =
                               [&](const std::function<void()>& record) {
                                 const run::Fence held(connect, lease);
                                 record();
                               }},
                          *rollout::MakeProvider(environment, line), work.journal());
}

Command Checkpoint() {
  return {
      .name = "checkpoint",
      .summary = "Take the checkpoint of a release: backup, slot, restore point",
      .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
      .options = {{.name = "--content-hash", .help = "cut exactly, and keep counts and hashes of the release's tables"},
                  {.name = "--prove", .help = "restore it into a temporary server, compare, measure, remove"}},
      .text =
          "Ends when the WAL up to the restore point is in the archive, not before. A base backup that is young enough "
          "is used again.\n"
          "Before the first step, and again after an undo to the start, a new checkpoint takes the place of the one "
          "before. While\n"
          "a step of the release stands none is taken: it would hold what a restore is to lead away from.",
      .verb = RunCheckpoint};
}

}  // namespace cli
