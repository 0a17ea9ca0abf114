#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "backup/provider.h"
#include "base/process.h"
#include "sandbox/server.h"

// A repository folder: backups/ID/{backup.json, data/}, wal/SEGMENT, restored/ (servers that were given no other
// place), lock. It belongs to the account that the database server runs as, because the server's archive command writes
// into it.
namespace backup::local {

// The value of `archive_command` that archives into this repository; only sh, cp, sync and mv run. A segment appears
// under its name whole and synced, or not at all. Archiving the same segment again (the server does that after a crash)
// succeeds; another file under a name that is taken is refused. The two are told apart by the modification time, which
// archiving syncs and keeps.
std::string ArchiveCommand(const std::filesystem::path& repository);
// The value of `restore_command` that reads from it.
std::string RestoreCommand(const std::filesystem::path& repository);

// Makes the folders, owned by the account that the server runs as. Idempotent; throws kRepositoryUnusable.
void PrepareRepository(const std::filesystem::path& repository);
std::filesystem::path WalDirectory(const std::filesystem::path& repository);
std::filesystem::path BackupsDirectory(const std::filesystem::path& repository);

// Fills id-independent facts from DATA/backup_manifest and pg_controldata: system identifier, timeline, LSNs, segment
// size, bytes.
Backup DescribeBackup(const std::filesystem::path& data, const sandbox::Binaries& binaries,
                      const std::optional<base::Account>& account);

}  // namespace backup::local
