#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pg {

// A timeline that the server left, as the history file of its present one has it.
struct TimelineLeft {
  std::uint32_t timeline = 0;
  std::string lsn = {};  // "0/3000100", where it ends
  std::string reason = {};
  // To a point that somebody asked for. Only a promotion has no target.
  [[nodiscard]] bool Restored() const { return !reason.starts_with("no recovery target"); }
};

// Oldest first. Pure; a line that says nothing is passed over.
std::vector<TimelineLeft> TimelinesLeft(const std::string& history);

}  // namespace pg
