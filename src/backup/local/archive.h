#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "backup/provider.h"
#include "pg/connection.h"

namespace backup::local {

// The archive of a repository, from the outside: what has arrived, and what has not.

bool IsArchived(const std::filesystem::path& repository, const std::string& segment);

// Returns when the segment is there, however long the archiver's queue is. Throws kArchiveOff, kArchiveElsewhere, and
// kArchiveStuck (the archiver's last failure in the detail) where it archived nothing at all for `patience`.
void AwaitSegment(const std::filesystem::path& repository, pg::Connection& source, const std::string& segment,
                  std::chrono::milliseconds patience);

// Throws kPointNotArchived or kArchiveGap, with the first segment that is missing or short, where the WAL from the
// backup's start to the point is not complete.
void CheckComplete(const std::filesystem::path& repository, const Backup& backup, const Point& point);

// The server's archiving settings against this repository.
Readiness CheckSettings(const std::filesystem::path& repository, pg::Connection& source);

}  // namespace backup::local
