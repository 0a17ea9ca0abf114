#pragma once

#include <filesystem>

#include "backup/archiver.h"
#include "backup/provider.h"

namespace backup::local {

// The archive of a repository, from the outside.
Archive ArchiveOf(const std::filesystem::path& repository);

// That the segments from the backup to the point are there and whole; throws as CheckComplete.
void CheckWal(const std::filesystem::path& repository, const Backup& backup, const Point& point);

}  // namespace backup::local
