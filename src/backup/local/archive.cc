#include "backup/local/archive.h"

#include <fmt/core.h>

#include <thread>

#include "backup/local/repository.h"
#include "backup/sql_text.h"

namespace backup::local {
namespace {

namespace fs = std::filesystem;

struct Archiver {
  std::string last_archived;
  std::string last_failed;
  std::string last_failed_time;
  std::int64_t failures = 0;
  bool failing = false;
  std::string mode;
  std::string command;
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

bool Archives(const Archiver& archiver) {
  return archiver.mode != "off" && !archiver.command.empty() && archiver.command != "(disabled)";
}

std::string LastFailure(const Archiver& archiver) {
  const std::string done = archiver.last_archived.empty() ? "the archiver has not archived anything yet"
                                                          : "the archiver last archived " + archiver.last_archived;
  if (archiver.last_failed.empty()) return done + " and knows of no failure";
  return fmt::format("{}; it failed {} times, last at {} with {}, running: {}", done, archiver.failures,
                     archiver.last_failed_time, archiver.last_failed, archiver.command);
}

// Later segments of the same timeline count, because the archiver works in order; so does the note of a backup
// (SEGMENT.OFFSET.backup), which is made after its segment is complete.
bool SaysArchived(const Archiver& archiver, const std::string& segment) {
  constexpr std::size_t kTimeline = 8;
  const std::string last = archiver.last_archived.substr(0, segment.size());
  return IsSegmentName(last) && last.substr(0, kTimeline) == segment.substr(0, kTimeline) && last >= segment;
}

}  // namespace

bool IsArchived(const fs::path& repository, const std::string& segment) {
  std::error_code error;
  return fs::exists(WalDirectory(repository) / segment, error);
}

void AwaitSegment(const fs::path& repository, pg::Connection& source, const std::string& segment,
                  std::chrono::milliseconds patience) {
  auto until = std::chrono::steady_clock::now() + patience;
  std::string last_archived;
  std::chrono::milliseconds pause(5);
  while (!IsArchived(repository, segment)) {
    const Archiver archiver = ReadArchiver(source);
    if (!Archives(archiver)) {
      throw base::Error(base::Code::kArchiveOff, "the server does not archive its write-ahead log")
          .Detail(fmt::format("archive_mode is {}, archive_command is '{}'", archiver.mode, archiver.command));
    }
    if (SaysArchived(archiver, segment) && !IsArchived(repository, segment)) {
      throw base::Error(base::Code::kArchiveElsewhere,
                        fmt::format("the server has archived {}, but {} does not hold it", segment,
                                    WalDirectory(repository).string()))
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

void CheckComplete(const fs::path& repository, const Backup& backup, const Point& point) {
  const std::vector<std::string> needed =
      SegmentsBetween(point.timeline, backup.start, point.lsn, backup.segment_bytes);
  if (!IsArchived(repository, needed.back())) {
    throw base::Error(base::Code::kPointNotArchived,
                      fmt::format("segment {}, which holds the point {}, is not in {}", needed.back(), point.lsn.Text(),
                                  WalDirectory(repository).string()));
  }
  for (const std::string& segment : needed) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(WalDirectory(repository) / segment, error);
    if (!error && size == backup.segment_bytes) continue;
    throw base::Error(base::Code::kArchiveGap,
                      fmt::format("the archive {} segment {}, between backup {} and the point",
                                  error ? "lacks" : "holds only a part of", segment, backup.id))
        .Detail(error ? error.message() : fmt::format("{} bytes instead of {}", size, backup.segment_bytes));
  }
}

Readiness CheckSettings(const fs::path& repository, pg::Connection& source) {
  Readiness readiness;
  const auto want = [&](const std::string& name, const std::string& wanted, bool ready, bool restart) {
    const std::string current = source.Query("SELECT current_setting($1)", {name}).Text(0, 0);
    if (!ready) readiness.settings.push_back({.name = name, .current = current, .wanted = wanted, .restart = restart});
  };
  const Archiver archiver = ReadArchiver(source);
  const std::string wal_level = source.Query("SELECT current_setting('wal_level')").Text(0, 0);
  const std::string ours = ArchiveCommand(repository);
  want("wal_level", "logical", wal_level == "logical", true);
  want("archive_mode", "on", archiver.mode != "off", true);
  want("archive_command", ours, archiver.command == ours, false);
  if (wal_level == "minimal") {
    readiness.problems.push_back({.text = "wal_level is minimal: no base backup can be taken",
                                  .remedy = "set wal_level to logical and restart the server"});
  }
  if (!Archives(archiver)) {
    readiness.problems.push_back({.text = "the server does not archive its write-ahead log",
                                  .remedy = "set archive_mode = on and archive_command = " + ours});
  } else if (archiver.failing) {
    readiness.problems.push_back({.text = "archiving fails: " + LastFailure(archiver),
                                  .remedy = "see the server's log, correct archive_command"});
  }
  return readiness;
}

}  // namespace backup::local
