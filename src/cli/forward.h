#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "cli/command.h"
#include "rollout/forward.h"

namespace cli {

// Goes forward as the invocation and `options` say, and tells where the release stands then.
Outcome Forward(const Invocation& invocation, rollout::OpenRelease& open, rollout::ForwardOptions options);

// The options that Forward reads.
std::vector<Option> ForwardOptions();
// The same for commands that may fill rows.
std::vector<Option> BackfillOptions();

// --terminate-blockers-after, of every command that takes locks; and its reading. Throws kBadDuration.
Option TerminateOption();
std::optional<std::chrono::milliseconds> TerminateAfter(const Invocation& invocation);

}  // namespace cli
