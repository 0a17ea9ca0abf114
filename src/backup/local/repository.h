#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "backup/line.h"
#include "backup/provider.h"
#include "base/process.h"
#include "sandbox/server.h"

// A repository folder: backups/ID/{backup.json, data/}, wal/SEGMENT, restored/ (servers that were given no other
// place), lines/KEY (repositories of servers that were restored from it and are archived in their turn), timelines/
// (history files of restored servers), lock. It belongs to the account that the database server runs as, because the
// server's archive command writes into it.
namespace backup::local {

// Where the repository of a line is: `configured` with the system identifier in the place of {system_identifier}; of a
// line that a restore began, the folder lines/KEY in it. Pure.
std::filesystem::path RepositoryOf(const std::filesystem::path& configured, const Line& line);
// The system identifier of the server whose backups and log are here; nothing: there are none yet. Throws
// kRepositoryUnusable.
std::optional<std::string> OwnerOf(const std::filesystem::path& repository);

// The value of `archive_command` that archives into this repository; only sh and programs of coreutils run (cp, ln,
// mktemp, mv, rm, sha256sum, sync). A segment appears under its name whole and synced, or not at all. Where the name is
// taken by a file with the same content it succeeds (the server archives a segment again after a crash, and so does a
// standby that was promoted); another content is refused, and stays what it is, also where two hosts archive at once. A
// crash leaves a file .SEGMENT.*, which nobody reads and the next backup removes.
std::string ArchiveCommand(const std::filesystem::path& repository);
// The value of `restore_command` that reads from it. It also shows which timelines are taken (KeepHistory).
std::string RestoreCommand(const std::filesystem::path& repository);
// Of a restored server's data directory: keeps the history of its timeline, so that the next restore begins another
// one. Two lines of one number could not be told apart.
void KeepHistory(const std::filesystem::path& repository, const std::filesystem::path& data,
                 const std::optional<base::Account>& account);

// Makes the folders, owned by the account that the server runs as. Idempotent; throws kRepositoryUnusable.
void PrepareRepository(const std::filesystem::path& repository);
std::filesystem::path WalDirectory(const std::filesystem::path& repository);
std::filesystem::path BackupsDirectory(const std::filesystem::path& repository);

// Fills id-independent facts from DATA/backup_manifest and pg_controldata: system identifier, timeline, LSNs, segment
// size, bytes.
Backup DescribeBackup(const std::filesystem::path& data, const sandbox::Binaries& binaries,
                      const std::optional<base::Account>& account);

}  // namespace backup::local
