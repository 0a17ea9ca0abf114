#include "backup/archiver.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <thread>

#include "backup/sql_text.h"
#include "base/error.h"

namespace backup {
namespace {

// What the server tells about its archiving.
struct Archiver {
  std::string last_archived;
  std::string last_failed;
  std::string last_failed_time;
  std::int64_t failures = 0;
  bool failing = false;  // the last attempt failed
  std::string mode;
  std::string command;
  [[nodiscard]] bool Archives() const { return mode != "off" && !command.empty() && command != "(disabled)"; }
};

Archiver ReadArchiver(pg::Connection& source) {
  const pg::Result row = source.Query(std::string(sql_text::kReadArchiver));
  return {.last_archived = row.Text(0, 0),
          .last_failed = row.Text(0, 1),
          .last_failed_time = row.Text(0, 2),
          .failures = row.Int(0, 3),
          .failing = row.Bool(0, 4),
          .mode = row.Text(0, 5),
          .command = row.Text(0, 6)};
}

// Later segments of the same timeline count, because the archiver works in order; so does the note of a backup
// (SEGMENT.OFFSET.backup), which is made after its segment is complete.
bool SaysArchived(const Archiver& archiver, const std::string& segment) {
  constexpr std::size_t kTimeline = 8;
  const std::string last = archiver.last_archived.substr(0, segment.size());
  return IsSegmentName(last) && last.substr(0, kTimeline) == segment.substr(0, kTimeline) && last >= segment;
}

// "(disabled)" stands for a command while archive_mode is off; the others archive nothing, and say that they did.
bool SomebodysCommand(const std::string& command) {
  constexpr std::array kNobodys = {"", "(disabled)", "true", "/bin/true", "/usr/bin/true", ":", "exit 0", "cd ."};
  return std::ranges::find(kNobodys, command) == kNobodys.end();
}

std::string WalLevel(pg::Connection& source) { return source.Query("SELECT current_setting('wal_level')").Text(0, 0); }

std::string LastFailure(const Archiver& archiver) {
  const std::string done = archiver.last_archived.empty() ? "the archiver has not archived anything yet"
                                                          : "the archiver last archived " + archiver.last_archived;
  if (archiver.last_failed.empty()) return done + " and knows of no failure";
  return fmt::format("{}; it failed {} times, last at {} with {}, running: {}", done, archiver.failures,
                     archiver.last_failed_time, archiver.last_failed, archiver.command);
}

std::vector<Problem> Problems(const std::string& wal_level, const Archiver& archiver, const std::string& wanted) {
  std::vector<Problem> problems;
  if (wal_level == "minimal") {
    problems.push_back({.text = "wal_level is minimal: no base backup can be taken",
                        .remedy = "set wal_level to logical and restart the server"});
  }
  if (!archiver.Archives()) {
    problems.push_back({.text = "the server does not archive its write-ahead log",
                        .remedy = "set archive_mode = on and archive_command = " + wanted});
  } else if (archiver.failing) {
    problems.push_back({.text = "archiving fails: " + LastFailure(archiver),
                        .remedy = "see the server's log, correct archive_command"});
  }
  return problems;
}

}  // namespace

Readiness CheckArchiving(pg::Connection& source, const std::string& wanted,
                         const std::function<bool(const std::string& command)>& fits) {
  Readiness readiness;
  const auto want = [&](const std::string& name, const std::string& value, bool ready, bool restart) {
    const std::string current = source.Query("SELECT current_setting($1)", {name}).Text(0, 0);
    if (!ready) readiness.settings.push_back({.name = name, .current = current, .wanted = value, .restart = restart});
  };
  const Archiver archiver = ReadArchiver(source);
  const std::string wal_level = WalLevel(source);
  want("wal_level", "logical", wal_level == "logical", true);
  want("archive_mode", "on", archiver.mode != "off", true);
  want("archive_command", wanted, fits(archiver.command), false);
  if (SomebodysCommand(archiver.command) && !fits(archiver.command)) readiness.found = Recognise(archiver.command);
  readiness.problems = Problems(wal_level, archiver, wanted);
  return readiness;
}

void RequireArchiving(pg::Connection& source, const std::string& wanted) {
  const Archiver archiver = ReadArchiver(source);
  const std::vector<Problem> problems = Problems(WalLevel(source), archiver, wanted);
  if (problems.empty()) return;
  throw base::Error(archiver.Archives() ? base::Code::kArchiveStuck : base::Code::kArchiveOff, problems.front().text)
      .Hint("To go on: " + problems.front().remedy + ".");
}

void AwaitSegment(const Archive& archive, pg::Connection& source, const std::string& segment,
                  std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  std::string last_archived;
  std::chrono::milliseconds pause(5);
  while (true) {
    if (archive.quick && archive.holds(segment)) return;
    const Archiver archiver = ReadArchiver(source);
    if (!archiver.Archives()) {
      throw base::Error(base::Code::kArchiveOff, "the server does not archive its write-ahead log")
          .Detail(fmt::format("archive_mode is {}, archive_command is '{}'", archiver.mode, archiver.command));
    }
    const bool said = SaysArchived(archiver, segment);
    if (said && archive.holds(segment)) return;
    if (said) {
      throw base::Error(base::Code::kArchiveElsewhere,
                        fmt::format("the server has archived {}, but {} does not hold it", segment, archive.name))
          .Detail("archive_command is: " + archiver.command);
    }
    if (archiver.last_archived != last_archived) {
      last_archived = archiver.last_archived;
      until = std::chrono::steady_clock::now() + patience;
    }
    if (std::chrono::steady_clock::now() >= until) {
      throw base::Error(base::Code::kArchiveStuck,
                        fmt::format("segment {} did not reach the archive, nor did any other within {}", segment,
                                    base::FormatDuration(patience)))
          .Detail(LastFailure(archiver));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
}

void CheckComplete(const Backup& backup, const Point& point, const std::string& archive,
                   const std::function<std::string(const std::string& segment)>& why_not) {
  const std::vector<std::string> needed =
      SegmentsBetween(point.timeline, backup.start, point.lsn, backup.segment_bytes);
  for (const std::string& segment : needed) {
    const std::string reason = why_not(segment);
    if (reason.empty()) continue;
    // The last one was never archived, where all before it were.
    const bool last = segment == needed.back();
    throw base::Error(
        last ? base::Code::kPointNotArchived : base::Code::kArchiveGap,
        last ? fmt::format("segment {}, which holds the point {}, is not whole in {}", segment, point.lsn.Text(),
                           archive)
             : fmt::format("{} lacks segment {}, between backup {} and the point", archive, segment, backup.id))
        .Detail(reason);
  }
}

}  // namespace backup
