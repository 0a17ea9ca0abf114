#include "backup/local/archive.h"

#include <fmt/core.h>

#include "backup/local/repository.h"

namespace backup::local {

namespace fs = std::filesystem;

Archive ArchiveOf(const fs::path& repository) {
  const fs::path wal = WalDirectory(repository);
  return {.holds =
              [wal](const std::string& segment) {
                std::error_code error;
                return fs::exists(wal / segment, error);
              },
          .quick = true,
          .name = wal.string()};
}

void CheckWal(const fs::path& repository, const Backup& backup, const Point& point) {
  const fs::path wal = WalDirectory(repository);
  CheckComplete(backup, point, wal.string(), [&](const std::string& segment) -> std::string {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(wal / segment, error);
    if (error) return error.message();
    return size == backup.segment_bytes ? "" : fmt::format("{} bytes instead of {}", size, backup.segment_bytes);
  });
}

}  // namespace backup::local
