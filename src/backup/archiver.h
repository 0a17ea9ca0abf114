#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "backup/provider.h"
#include "pg/connection.h"

namespace backup {

// What every driver wants of the server, and what stands in its way. `wanted` is the archive_command to offer where
// `fits` does not hold of the present one.
Readiness CheckArchiving(pg::Connection& source, const std::string& wanted,
                         const std::function<bool(const std::string& command)>& fits);
// Throws kArchiveOff or kArchiveStuck with the first of the problems, and its remedy.
void RequireArchiving(pg::Connection& source, const std::string& wanted);

// Where segments arrive.
struct Archive {
  std::function<bool(const std::string& segment)> holds;
  bool quick = false;  // asking costs nothing: it is asked all the time, else when the server says that it archived
  std::string name;    // for people
};
// Returns when the segment is there, however long the archiver's queue is. Throws kArchiveOff, kArchiveElsewhere, and
// kArchiveStuck (the archiver's last failure in the detail) where it archived nothing at all for `patience`.
void AwaitSegment(const Archive& archive, pg::Connection& source, const std::string& segment,
                  std::chrono::milliseconds patience);

// Throws kPointNotArchived or kArchiveGap with the first segment that a replay from the backup to the point needs and
// that the archive lacks. `why_not` says why a segment does not count; empty: it is there.
void CheckComplete(const Backup& backup, const Point& point, const std::string& archive,
                   const std::function<std::string(const std::string& segment)>& why_not);

}  // namespace backup
