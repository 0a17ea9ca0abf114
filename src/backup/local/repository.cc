#include "backup/local/repository.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/file.h"

namespace backup::local {
namespace {

namespace fs = std::filesystem;

// For a server setting in which % introduces a placeholder.
std::string ForCommand(const fs::path& path) {
  std::string quoted = ShellQuote(path.string());
  for (std::size_t at = 0; (at = quoted.find('%', at)) != std::string::npos; at += 2) quoted.insert(at, 1, '%');
  return quoted;
}

[[noreturn]] void FailDirectory(const fs::path& directory) {
  const int error = errno;
  throw base::Error(error == EEXIST ? base::Code::kDirectoryExists : base::Code::kRepositoryUnusable,
                    fmt::format("cannot make the directory {}", directory.string()))
      .Detail(std::strerror(error));
}

void GiveTo(const fs::path& path, const std::optional<base::Account>& account) {
  if (account && lchown(path.c_str(), account->uid, account->gid) != 0) FailDirectory(path);
}

// Missing parents, owned by the account: it must be able to enter what lies below them.
void MakeParents(const fs::path& directory, const std::optional<base::Account>& account) {
  if (directory.empty() || fs::is_directory(directory)) return;
  MakeParents(directory.parent_path(), account);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) FailDirectory(directory);
  GiveTo(directory, account);
}

}  // namespace

std::string ShellQuote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The source is synced first: its modification time must survive a power cut as it was when the copy was made.
std::string ArchiveCommand(const fs::path& repository) {
  const std::string wal = ForCommand(WalDirectory(repository));
  return fmt::format(
      "f={0}/%f; t={0}/.%f.part; sync %p && cp --preserve=timestamps %p \"$t\" && sync \"$t\" && "
      "{{ [ ! -e \"$f\" ] || {{ [ ! \"$t\" -nt \"$f\" ] && [ ! \"$t\" -ot \"$f\" ]; }} || "
      "{{ echo \"switchback: the archive holds another file as $f\" >&2; false; }}; }} && "
      "mv -f \"$t\" \"$f\" && sync {0}",
      wal);
}

std::string RestoreCommand(const fs::path& repository) {
  return fmt::format("cp {}/%f \"%p\"", ForCommand(WalDirectory(repository)));
}

fs::path WalDirectory(const fs::path& repository) { return repository / "wal"; }
fs::path BackupsDirectory(const fs::path& repository) { return repository / "backups"; }

void PrepareRepository(const fs::path& repository) {
  const std::optional<base::Account> account = sandbox::ServerAccount(repository);
  MakeParents(repository, account);
  for (const fs::path& directory : {WalDirectory(repository), BackupsDirectory(repository)}) {
    MakeParents(directory, account);
  }
}

void MakeNewDirectory(const fs::path& directory, const std::optional<base::Account>& account) {
  MakeParents(directory.parent_path(), account);
  if (mkdir(directory.c_str(), 0700) != 0) FailDirectory(directory);
  GiveTo(directory, account);
}

std::string RunControlData(const fs::path& data, const sandbox::Binaries& binaries,
                           const std::optional<base::Account>& account) {
  return base::RunOrThrow({.argv = {binaries.Program("pg_controldata"), data.string()},
                           .env = {{"LC_ALL", "C"}},
                           .account = account})
      .out;
}

std::string ControlData(const std::string& output, const std::string& name) {
  const std::size_t at = output.find(name + ":");
  if (at == std::string::npos) throw base::Error(base::Code::kInternal, "pg_controldata does not show " + name);
  const std::size_t value = output.find_first_not_of(' ', at + name.size() + 1);
  return output.substr(value, output.find('\n', value) - value);
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
