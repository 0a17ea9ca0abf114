#include "backup/local/repository.h"

#include <fmt/core.h>

#include "backup/programs.h"
#include "base/file.h"

namespace backup::local {

namespace fs = std::filesystem;

// The source is synced first: its modification time must survive a power cut as it was when the copy was made.
std::string ArchiveCommand(const fs::path& repository) {
  const std::string wal = ShellQuoteForServer(WalDirectory(repository).string());
  return fmt::format(
      "f={0}/%f; t={0}/.%f.part; sync %p && cp --preserve=timestamps %p \"$t\" && sync \"$t\" && "
      "{{ [ ! -e \"$f\" ] || {{ [ ! \"$t\" -nt \"$f\" ] && [ ! \"$t\" -ot \"$f\" ]; }} || "
      "{{ echo \"switchback: the archive holds another file as $f\" >&2; false; }}; }} && "
      "mv -f \"$t\" \"$f\" && sync {0}",
      wal);
}

std::string RestoreCommand(const fs::path& repository) {
  return fmt::format("cp {}/%f \"%p\"", ShellQuoteForServer(WalDirectory(repository).string()));
}

fs::path WalDirectory(const fs::path& repository) { return repository / "wal"; }
fs::path BackupsDirectory(const fs::path& repository) { return repository / "backups"; }

void PrepareRepository(const fs::path& repository) {
  const std::optional<base::Account> account = sandbox::ServerAccount(repository);
  MakeDirectories(repository, account);
  for (const fs::path& directory : {WalDirectory(repository), BackupsDirectory(repository)}) {
    MakeDirectories(directory, account);
  }
}

Backup DescribeBackup(const fs::path& data, const sandbox::Binaries& binaries,
                      const std::optional<base::Account>& account) {
  const base::Json manifest = base::ReadJsonFile(data / "backup_manifest");
  const std::string control = RunControlData(data, binaries, account);
  Backup backup;
  backup.system_identifier = ControlData(control, "Database system identifier");
  backup.segment_bytes = std::stoull(ControlData(control, "Bytes per WAL segment"));
  backup.server_major = binaries.major;
  try {
    // Several ranges mean that the timeline changed while the backup ran: the last one is where it ends.
    const base::Json& range = manifest.at("WAL-Ranges").back();
    backup.timeline = range.at("Timeline");
    backup.start = Lsn::Parse(range.at("Start-LSN").get<std::string>());
    backup.end = Lsn::Parse(range.at("End-LSN").get<std::string>());
    for (const base::Json& file : manifest.at("Files")) backup.bytes += file.at("Size").get<std::int64_t>();
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBackupCorrupt, "the backup's manifest is broken").Detail(error.what());
  }
  return backup;
}

}  // namespace backup::local
