#include <fmt/core.h>

#include "backup/follower.h"
#include "backup/local/archive.h"
#include "backup/local/local.h"
#include "backup/local/repository.h"
#include "backup/programs.h"
#include "backup/recovery.h"
#include "backup/waldump.h"
#include "sandbox/server.h"

namespace backup::local {
namespace {

namespace fs = std::filesystem;

// The backup to restore from.
Backup CheckedBackup(const fs::path& repository, const std::vector<Backup>& backups, const Point& point) {
  const Backup& backup = ChooseBackup(backups, point);
  CheckWal(repository, backup, point);
  CheckPoint(WalDirectory(repository), backup, point);
  return backup;
}

void CopyBackup(const fs::path& from, const fs::path& data, const std::optional<base::Account>& account) {
  const base::Finished finished = base::Run({.argv = {"cp", "-a", "--reflink=auto", from.string(), data.string()},
                                             .env = {{"LC_ALL", "C"}},
                                             .account = account});
  if (finished.exit == 0) return;
  throw base::Error(SaysDiskFull(finished.err) ? base::Code::kNoSpace : base::Code::kRestoreFailed,
                    "the backup could not be copied")
      .Detail(finished.err);
}

RecoveryJob JobFor(const fs::path& repository, const Backup& backup, const fs::path& from,
                   const RestoreRequest& request) {
  const std::optional<base::Account> account = sandbox::ServerAccount(repository);
  return {.backup = backup,
          .request = request,
          .binaries = sandbox::FindBinaries(backup.server_major),
          .account = account,
          .restore_command = RestoreCommand(repository),
          .copy = [from, account](const fs::path& data) { CopyBackup(from, data, account); },
          .tidy =
              [repository, account, throwaway = request.throwaway](const fs::path& data) {
                if (!throwaway) KeepHistory(repository, data, account);
              }};
}

}  // namespace

void LocalProvider::CheckRestorable(const Point& point) { CheckedBackup(repository_, List(), point); }

std::unique_ptr<Restoration> LocalProvider::StartRestore(const RestoreRequest& request) {
  const Backup backup = CheckedBackup(repository_, List(), request.point);
  return BeginRecovery(JobFor(repository_, backup, DataOf(backup.id), request));
}

std::unique_ptr<Follower> LocalProvider::Follow(const RestoreRequest& request, const fs::path& source_wal) {
  const std::vector<Backup> backups = List();
  const Backup& backup = ChooseBackup(backups, request.point);
  CheckWal(repository_, backup, request.point);
  return Follower::Start(JobFor(repository_, backup, DataOf(backup.id), request), source_wal);
}

void LocalProvider::Discard(const Restored& restored) { DiscardServer(restored); }

}  // namespace backup::local
