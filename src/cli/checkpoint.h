#pragma once

#include "checkpoint/checkpoint.h"
#include "cli/context.h"
#include "cli/work.h"

namespace cli {

struct CheckpointWishes {
  bool content_hash = false;
  bool prove = false;
};

// Opens the release in its journal where it is not open, and takes a checkpoint; throws as checkpoint::Take and
// run::EnterRelease.
checkpoint::Checkpoint TakeCheckpoint(Context& context, Work& work, const CheckpointWishes& wishes);

}  // namespace cli
