#pragma once

#include <optional>

#include "checkpoint/checkpoint.h"
#include "rollout/open_release.h"

namespace rollout {

struct CheckpointWishes {
  bool content_hash = false;
  bool prove = false;
};

// Opens the release in its journal where it is not open, and takes a checkpoint; throws as checkpoint::Take and
// run::EnterRelease, and kCheckpointRefused where something stands that no restore would lead to before.
checkpoint::Checkpoint TakeCheckpoint(OpenRelease& open, const CheckpointWishes& wishes);

// The one in force, where it is of this database: a release may have been opened on another one by mistake.
std::optional<checkpoint::Checkpoint> FindCheckpoint(OpenRelease& open);

// Nothing is done of the release, and it has no checkpoint to go back to.
bool NeedsCheckpoint(OpenRelease& open);

}  // namespace rollout
