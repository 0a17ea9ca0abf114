#include "backup/line.h"

#include <fmt/core.h>

#include <algorithm>

#include "backup/sql_text.h"
#include "base/error.h"
#include "pg/timeline.h"

namespace backup {

std::string RestoredAt(const std::string& history, std::uint32_t timeline) {
  std::string begun;       // LSN of the last restore
  std::uint32_t next = 0;  // the timeline that it began: the next one that was left, or the present one
  for (const pg::TimelineLeft& left : pg::TimelinesLeft(history)) {
    if (!begun.empty() && next == 0) next = left.timeline;
    if (!left.Restored()) continue;
    begun = left.lsn;
    next = 0;
  }
  if (begun.empty()) return "";
  std::ranges::replace(begun, '/', '_');
  return fmt::format("{}-{}", next == 0 ? timeline : next, begun);
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
