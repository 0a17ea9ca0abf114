#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup/provider.h"
#include "base/process.h"
#include "sandbox/server.h"

// What is the same for every driver that restores into a directory of this machine: a server is started on a copy of a
// backup, replays to the point and no further, and must prove that it did.
namespace backup {

// What a driver brings to it.
struct RecoveryJob {
  Backup backup;
  RestoreRequest request;
  sandbox::Binaries binaries;
  std::optional<base::Account> account;  // that the server runs as
  std::string restore_command;
  std::vector<std::string> pass = {};  // of the environment, what that command needs: see base::Command
  // Brings the backup to `data`, which does not exist yet; the folder around it does, and is the account's. Throws.
  std::function<void(const std::filesystem::path& data)> copy;
  // Removes what only recovery needed; may be empty.
  std::function<void(const std::filesystem::path& data)> tidy = {};
};

// What every server on such a copy begins with: its directory, claimed by this process; the backup in DIRECTORY/data,
// without what its source's own recovery left behind, without links, and with as much of its configuration as is on a
// list (the rest beside it: LeftOutOf), to be recovered as `signal` says (recovery.signal or
// standby.signal); and settings that keep it from reaching out. Throws kUsage, kDirectoryExists, kRepositoryUnusable,
// and what `copy` throws.
void MakeDirectory(RecoveryJob& job);
[[nodiscard]] inline std::filesystem::path LeftOutOf(const std::filesystem::path& directory) {
  return directory / "left-out.conf";
}
void MakeCopy(const RecoveryJob& job, const std::string& signal);
std::map<std::string, std::string> CopySettings(const RecoveryJob& job);

// Makes request.directory, claimed by this process, and restores into it in a thread of its own. A failure removes it
// again; a crash leaves it, maybe with a server in it, to sandbox::RemoveAbandoned. Throws kUsage, kDirectoryExists,
// kRepositoryUnusable; what comes later comes through Poll: what `copy` throws, kNoSpace, kRestoreFailed.
std::unique_ptr<Restoration> BeginRecovery(RecoveryJob job);

// Stops a server that BeginRecovery made and removes its directory.
void DiscardServer(const Restored& restored);

}  // namespace backup
