#include "rollout/checkpoint.h"

#include <fmt/core.h>

#include <utility>

#include "base/error.h"
#include "checkpoint/take.h"
#include "journal/mirror.h"
#include "journal/position.h"
#include "rollout/advice.h"
#include "rollout/provider.h"
#include "rollout/stream_term.h"
#include "run/identity.h"
#include "run/lease.h"
#include "salvage/fence.h"

namespace rollout {
namespace {

// A checkpoint holds what is there: with steps in it, no restore would ever lead to before them.
void RequireNothingStands(OpenRelease& open) {
  using State = journal::Position::State;
  const std::string& release = open.release().name;
  if (salvage::LookAtFence(open.connection()).tables > 0) {
    throw base::Error(base::Code::kCheckpointRefused, "the fence of a cut-over stands")
        .Detail("a new checkpoint would drop the stream that the cut-over needs")
        .Hint(fmt::format("`switchback status {}` says how it stands.", release));
  }
  const journal::Position position = open.Position();
  if (position.done == 0 && !position.half && position.state != State::kDrifted) return;
  const bool complete = position.done == open.plan().steps.size() && !position.half;
  throw base::Error(base::Code::kCheckpointRefused,
                    fmt::format("{} stands: {}", release, ShowPosition(open.plan(), position)))
      .Hint(complete ? "The next release takes a checkpoint of its own. For a backup of this moment use the tool that "
                       "makes your backups."
                     : fmt::format("The way back to before it is the checkpoint that there is. For a new one go back "
                                   "first: `switchback rollback {}`. For a backup of this moment use the tool that "
                                   "makes your backups.",
                                   release));
}

}  // namespace

checkpoint::Checkpoint TakeCheckpoint(OpenRelease& open, const CheckpointWishes& wishes) {
  const pg::ConnectOptions& connect = open.session().connect;
  // A session of its own: who takes the lease next ends it.
  pg::Connection runner = pg::Connection::Open(connect);
  journal::InstallSchema(runner);
  const run::Lease lease(connect, runner, open.release().name, open.session().tag_secret);
  run::EnterRelease(open.connection(), open.session());
  open.journal().Append("lease", lease.taken());
  RequireNothingStands(open);
  DropStreamsOver(open);
  const release::Environment& environment = open.environment();
  const backup::Line line = backup::ReadLine(open.connection());
  return checkpoint::Take(open.plan(),
                          {.conninfo = open.session().connect.conninfo,
                           .environment = environment.name,
                           .line = line.restored,
                           .state = open.state(),
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
                          *MakeProvider(environment, line), open.journal());
}

std::optional<checkpoint::Checkpoint> FindCheckpoint(OpenRelease& open) {
  std::optional<checkpoint::Checkpoint> found = checkpoint::Find(open.state());
  if (!found) return std::nullopt;
  const run::Identity here = run::ReadIdentity(open.connection());
  const bool ours = found->database == here.database && found->point.system_identifier == here.system_identifier;
  return ours ? std::move(found) : std::nullopt;
}

bool NeedsCheckpoint(OpenRelease& open) {
  const bool none = !FindCheckpoint(open);
  const journal::Event* taken = open.journal().Last("checkpoint");
  const journal::Event* closed = journal::Closed(open.journal().events());
  // What was closed has another plan by now, and its checkpoint ended with it.
  const bool ended = closed != nullptr && (taken == nullptr || taken->seq < closed->seq);
  // Nor has one of a server that was restored since another to go back to.
  const bool rewound = !open.Position().rewound.empty();
  return (none || ended || rewound) && journal::NothingDone(open.journal().events());
}

}  // namespace rollout
