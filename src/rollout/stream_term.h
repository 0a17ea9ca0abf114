#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "plan/plan.h"
#include "release/release.h"
#include "rollout/open_release.h"

namespace rollout {

// How long the stream of a checkpoint is kept: its publications and its slot on the server, and the spool here. By it a
// restore brings back what applications wrote since, so it outlives the last step for the length of the rollback
// window. Not for longer, because a slot keeps WAL; and not behind a purge, which takes the way back away on purpose.
struct StreamTerm {
  bool complete = false;            // all steps are done
  bool over = false;                // nobody needs it any more
  std::optional<base::Time> until;  // where it is complete and not over; nothing: there is no end
};
StreamTerm TermOf(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                  const journal::Position& position);

// "the checkpoint's slot is kept until ...": of a release that is complete, and not over.
std::string ShowKept(const std::string& release, const StreamTerm& term);

// Closes the rollback window of a release that is complete, once. Throws kGateNoGo while the fence of a cut-over
// stands.
void CloseWindow(OpenRelease& open);

// Drops the stream of a release that is over. A crash leaves a part, for the next run or checkpoint to drop.
void DropStreamOf(OpenRelease& open);

// The same for all other releases of this project on this database. Nothing is dropped while the fence of a cut-over
// stands; a release that cannot be read is left alone.
void DropStreamsOver(OpenRelease& open);

}  // namespace rollout
