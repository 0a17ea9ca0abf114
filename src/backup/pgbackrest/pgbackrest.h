#pragma once

#include <filesystem>
#include <string>

#include "backup/pgbackrest/info.h"
#include "backup/pgbackrest/tool.h"
#include "backup/provider.h"

namespace backup::pgbackrest {

// Backups, archive and restores of pgBackRest, which is set up and owned by others: its configuration says where its
// repositories are, here or elsewhere. This process must be root or the account that the server runs as, on a machine
// where `pgbackrest backup` and `restore` may run; restored servers are made on it. What the tool says when it fails is
// passed on whole.
class PgBackRestProvider : public BackupProvider {
 public:
  explicit PgBackRestProvider(Options options) : tool_(std::move(options)) {}

  [[nodiscard]] std::string Name() const override { return "pgbackrest"; }
  // stanza-create: the server must run.
  void PrepareArchive(pg::Connection& source) override;
  Readiness Check(pg::Connection& source) override;
  // An incremental backup, which is a full one where there is none to build on. The tool checks pages and keeps a
  // checksum of each file. Expires no other backup. Throws kRepositoryBusy too. A crash leaves a partial one, which the
  // tool resumes or removes.
  Backup Take(pg::Connection& source, std::chrono::milliseconds deadline) override;
  std::vector<Backup> List() override;
  // pgbackrest verify: older versions read the whole repository for it.
  void Verify(const Backup& backup) override;
  void AwaitArchived(pg::Connection& source, const std::string& segment, std::chrono::milliseconds deadline) override;
  // Where the data directory of the source is gone, the tool cannot read single segments: then it is only seen that
  // they are there, and the restore itself finds out whether the point is in them.
  void CheckRestorable(const Point& point) override;
  std::unique_ptr<Restoration> StartRestore(const RestoreRequest& request) override;
  [[nodiscard]] bool Follows() const override { return true; }
  std::unique_ptr<Follower> Follow(const RestoreRequest& request, const std::filesystem::path& source_wal) override;
  void Discard(const Restored& restored) override;
  SegmentSource Segments() override;

 private:
  StanzaInfo Info() const;
  // The backup to restore from, with all WAL up to the point.
  Backup Chosen(const Point& point) const;
  // The same, and the point is there.
  Backup Checked(const Point& point) const;
  [[nodiscard]] std::string ArchiveCommand() const;

  Tool tool_;
};

}  // namespace backup::pgbackrest
