#include "pg/timeline.h"

#include <sstream>

namespace pg {

// "TIMELINE\tLSN\tREASON".
std::vector<TimelineLeft> TimelinesLeft(const std::string& history) {
  std::vector<TimelineLeft> all;
  std::istringstream lines(history);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    TimelineLeft left;
    if (line.starts_with('#') || !(fields >> left.timeline >> left.lsn)) continue;
    std::getline(fields >> std::ws, left.reason);
    all.push_back(std::move(left));
  }
  return all;
}

}  // namespace pg
