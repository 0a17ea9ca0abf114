#include "backup/local/repository.h"

#include <fmt/core.h>

#include <cstdint>
#include <fstream>
#include <string_view>

#include "backup/found_command.h"
#include "backup/programs.h"
#include "base/file.h"

namespace backup::local {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPlaceholder = "{system_identifier}";
constexpr const char* kLines = "lines";

// The folder that holds what all lines share.
fs::path RootOf(const fs::path& repository) {
  return repository.parent_path().filename() == kLines ? repository.parent_path().parent_path() : repository;
}

fs::path TimelinesDirectory(const fs::path& repository) { return RootOf(repository) / "timelines"; }

// Of the long header that each segment begins with: magic, flags, timeline, address, length of the rest, and the system
// identifier.
std::optional<std::string> IdentifierIn(const fs::path& segment) {
  constexpr std::streamoff kOffset = 24;
  std::ifstream file(segment, std::ios::binary);
  std::uint64_t identifier = 0;
  file.seekg(kOffset);
  file.read(reinterpret_cast<char*>(&identifier), sizeof identifier);
  if (!file || identifier == 0) return std::nullopt;
  return std::to_string(identifier);
}

std::optional<std::string> IdentifierOfBackup(const fs::path& backup) {
  const auto text = base::ReadFileIfExists(backup / "backup.json");
  if (!text) return std::nullopt;
  return base::ParseJson(*text, (backup / "backup.json").string()).value("system_identifier", "");
}

}  // namespace

fs::path RepositoryOf(const fs::path& configured, const Line& line) {
  std::string path = configured.string();
  for (std::size_t at = 0; (at = path.find(kPlaceholder, at)) != std::string::npos;) {
    path.replace(at, kPlaceholder.size(), line.system_identifier);
  }
  return line.restored.empty() ? fs::path(path) : fs::path(path) / kLines / line.restored;
}

std::optional<std::string> OwnerOf(const fs::path& repository) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(BackupsDirectory(repository), none)) {
    if (auto identifier = IdentifierOfBackup(entry.path())) return identifier;
  }
  for (const auto& entry : fs::directory_iterator(WalDirectory(repository), none)) {
    if (!IsSegmentName(entry.path().filename().string())) continue;
    if (auto identifier = IdentifierIn(entry.path())) return identifier;
  }
  return std::nullopt;
}

// A link takes no name that is taken; where the file system has no links, mv -n asks the kernel for the same.
std::string ArchiveCommand(const fs::path& repository) {
  const std::string wal = ShellQuoteForServer(WalDirectory(repository).string());
  return fmt::format(
      "f={0}/%f; t=$(mktemp {0}/.%f.XXXXXX) || exit 1; cp %p \"$t\" && sync \"$t\" && "
      "{{ ln \"$t\" \"$f\" 2>/dev/null || {{ mv -n \"$t\" \"$f\" 2>/dev/null; [ ! -e \"$t\" ]; }} || "
      "[ \"$(sha256sum <\"$t\")\" = \"$(sha256sum <\"$f\")\" ] || "
      "{{ echo \"{1} as $f\" >&2; false; }}; }} && "
      "sync \"$f\" {0}; r=$?; rm -f \"$t\"; exit $r",
      wal, kArchiveRefusal);
}

std::string RestoreCommand(const fs::path& repository) {
  return fmt::format("cp {}/%f \"%p\" 2>/dev/null || cp {}/%f \"%p\"",
                     ShellQuoteForServer(WalDirectory(repository).string()),
                     ShellQuoteForServer(TimelinesDirectory(repository).string()));
}

void KeepHistory(const fs::path& repository, const fs::path& data, const std::optional<base::Account>& account) {
  fs::path newest;
  for (const auto& entry : fs::directory_iterator(data / "pg_wal")) {
    const fs::path& file = entry.path();
    if (file.extension() == ".history" && file.filename() > newest.filename()) newest = file;
  }
  if (newest.empty()) return;
  MakeDirectories(TimelinesDirectory(repository), account);
  const fs::path kept = TimelinesDirectory(repository) / newest.filename();
  base::WriteFile(kept, base::ReadFile(newest));
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
