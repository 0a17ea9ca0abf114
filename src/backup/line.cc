#include "backup/line.h"

#include <fmt/core.h>

#include <algorithm>
#include <sstream>

#include "backup/sql_text.h"
#include "base/error.h"

namespace backup {

// "TIMELINE\tLSN\tREASON": the timeline that was left, where, and why. Only a promotion gives no target as its reason.
std::string RestoredAt(const std::string& history, std::uint32_t timeline) {
  std::istringstream lines(history);
  std::string begun;  // LSN of the last restore
  std::string next;   // the timeline that it began: the next one that was left, or the present one
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string left;
    std::string lsn;
    std::string reason;
    if (line.starts_with('#') || !(fields >> left >> lsn)) continue;
    std::getline(fields >> std::ws, reason);
    if (!begun.empty() && next.empty()) next = left;
    if (reason.starts_with("no recovery target")) continue;
    begun = lsn;
    next.clear();
  }
  if (begun.empty()) return "";
  std::ranges::replace(begun, '/', '_');
  return fmt::format("{}-{}", next.empty() ? std::to_string(timeline) : next, begun);
}

Line ReadLine(pg::Connection& connection) {
  const pg::Result row = connection.Query(std::string(sql_text::kReadLine));
  Line line{.system_identifier = row.Text(0, 0)};
  const auto timeline = static_cast<std::uint32_t>(row.Int(0, 1));
  if (timeline == 1) return line;
  try {
    const pg::Result history = connection.Query("SELECT pg_read_file($1)", {"pg_wal/" + HistoryFile(timeline)});
    line.restored = RestoredAt(history.Text(0, 0), timeline);
  } catch (base::Error& error) {
    if (error.code() == base::Code::kPrivilege) {
      error.Hint(
          "The server is on a later timeline, and how it came there is to be read: GRANT EXECUTE ON FUNCTION "
          "pg_read_file(text) to the role, then run the command again.");
    }
    throw;
  }
  return line;
}

Line LineOf(const Point& point) { return {.system_identifier = point.system_identifier, .restored = point.restored}; }

}  // namespace backup
