#pragma once

#include <array>
#include <string_view>

namespace plan {

// The boundaries at which application deploys may stand, in order. kStart is the state before any of them.
enum class Phase { kStart, kExpand, kMigrate, kSwitch, kContract, kPurge };

inline constexpr std::array kPhases = {Phase::kExpand, Phase::kMigrate, Phase::kSwitch, Phase::kContract,
                                       Phase::kPurge};

std::string_view Name(Phase phase);  // "expand"
// Throws kUsage with the names there are.
Phase ParsePhase(std::string_view name);

}  // namespace plan
