#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "backup/barman/catalog.h"
#include "backup/barman/tool.h"
#include "backup/provider.h"
#include "backup/recovery.h"

namespace backup::barman {

// Backups, archive and restores of Barman, which is set up and owned by others, on this machine; restored servers are
// made on it too, and run as the account that Barman runs as. This process must be root or that account. The server
// must bring its WAL by archive_command (`archiver = on`). What the tool says when it fails is passed on whole.
class BarmanProvider : public BackupProvider {
 public:
  explicit BarmanProvider(Options options) : tool_(std::move(options)) {}

  [[nodiscard]] std::string Name() const override { return "barman"; }
  void PrepareArchive(pg::Connection& source) override;
  // What `barman check` finds is among the problems.
  Readiness Check(pg::Connection& source) override;
  // Throws kRepositoryBusy too. A crash leaves a backup that Barman calls failed.
  Backup Take(pg::Connection& source, std::chrono::milliseconds deadline) override;
  std::vector<Backup> List() override;
  void Verify(const Backup& backup) override;
  void Keep(const Backup& backup) override;
  void Release(const Backup& backup) override;
  void AwaitArchived(pg::Connection& source, const std::string& segment, std::chrono::milliseconds deadline) override;
  void CheckRestorable(const Point& point) override;
  std::unique_ptr<Restoration> StartRestore(const RestoreRequest& request) override;
  [[nodiscard]] bool Follows() const override { return true; }
  std::unique_ptr<Follower> Follow(const RestoreRequest& request, const std::filesystem::path& source_wal) override;
  void Discard(const Restored& restored) override;
  SegmentSource Segments() override;

 private:
  Places FindPlaces() const;
  // The backup to restore from, with all WAL up to the point.
  Backup Chosen(const Places& places, const Point& point) const;
  // The same, and the point is there.
  Backup Checked(const Places& places, const Point& point) const;
  // The segment is in the catalogue; what has arrived is taken into it.
  bool Holds(const Places& places, const std::string& segment) const;
  // A place within `directory` for each tablespace of the backup.
  std::vector<std::string> Relocations(const Backup& backup, const std::filesystem::path& directory) const;
  // `recovery`: flags that say where it ends, and where its WAL comes from.
  RecoveryJob JobFor(const Places& places, const Backup& backup, const RestoreRequest& request,
                     const std::vector<std::string>& recovery, const std::string& restore_command) const;

  Tool tool_;
};

}  // namespace backup::barman
