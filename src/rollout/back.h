#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "journal/position.h"
#include "plan/phase.h"
#include "recover/beside.h"
#include "recover/undo.h"
#include "recover/unproven.h"
#include "rollout/open_release.h"

namespace rollout {

struct BackOptions {
  plan::Phase to = plan::Phase::kStart;  // the state after this phase
  bool force = false;                    // though sessions of the new version are connected; kept in the journal
  std::optional<std::chrono::milliseconds> terminate_blockers_after = {};  // as in run::Limits
};

struct BackReport {
  recover::Undo undo;
  std::chrono::milliseconds took{0};
  std::vector<recover::Unproven> unproven = {};
  std::vector<recover::Beside> beside = {};
  journal::Position position = {};
  std::string next = {};  // see Advice
};

// The way back `undo`: reverse steps, newest first, down to the boundary. Throws kVersionConnected, and what
// run::EnterRelease and recover::UndoTo throw.
BackReport Back(OpenRelease& open, const BackOptions& options);

}  // namespace rollout
