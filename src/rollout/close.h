#pragma once

#include <optional>
#include <string>
#include <vector>

#include "journal/mirror.h"
#include "recover/close.h"
#include "rollout/open_release.h"

namespace rollout {

struct CloseOptions {
  std::vector<std::string> decided = {};  // causes whose rows stay as the applications have them; see LookToClose
  bool dry_run = false;                   // looks only
};

struct CloseReport {
  std::optional<journal::Ending> before;  // it was closed already, and nothing is done
  recover::Closing closing = {};          // else
};

// Ends a release, with the hold on its checkpoint's backup unless another release's checkpoint rests on that. Throws
// kOtherInputs where the release began on another database, and what recover::Close throws.
CloseReport Close(OpenRelease& open, const CloseOptions& options);

}  // namespace rollout
