#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "backup/provider.h"

namespace backup::local {

// Backups by pg_basebackup, WAL by archive_command, restored servers beside the old one: all in a folder of this
// machine. This process must be root or the account that the server runs as; the server's programs of its major version
// must be installed here.
class LocalProvider : public BackupProvider {
 public:
  // `max_rate`: bytes a second that a backup reads of the server, in steps of 1024; 0: no limit.
  explicit LocalProvider(const std::filesystem::path& repository, std::int64_t max_rate = 0)
      : repository_(std::filesystem::absolute(repository)), max_rate_(max_rate) {}

  [[nodiscard]] std::string Name() const override { return "local"; }
  void PrepareArchive(pg::Connection& source) override;
  Readiness Check(pg::Connection& source) override;
  // A crash leaves backups/ID.partial, which nobody reads and the next Take removes.
  Backup Take(pg::Connection& source, std::chrono::milliseconds deadline) override;
  std::vector<Backup> List() override;
  void Verify(const Backup& backup) override;
  void AwaitArchived(pg::Connection& source, const std::string& segment, std::chrono::milliseconds deadline) override;
  void CheckRestorable(const Point& point) override;
  std::unique_ptr<Restoration> StartRestore(const RestoreRequest& request) override;
  [[nodiscard]] bool Follows() const override { return true; }
  std::unique_ptr<Follower> Follow(const RestoreRequest& request, const std::filesystem::path& source_wal) override;
  void Discard(const Restored& restored) override;
  SegmentSource Segments() override;

 private:
  [[nodiscard]] std::filesystem::path DataOf(const std::string& id) const;

  std::filesystem::path repository_;
  std::int64_t max_rate_;
};

}  // namespace backup::local
