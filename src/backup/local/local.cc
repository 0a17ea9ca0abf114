#include "backup/local/local.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "backup/local/archive.h"
#include "backup/local/repository.h"
#include "backup/programs.h"
#include "backup/sql_text.h"
#include "base/digest.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "sandbox/processes.h"
#include "sandbox/server.h"

namespace backup::local {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPartial = ".partial";
constexpr std::string_view kDescription = "backup.json";

// Holds the repository while a backup is taken: so whatever else is partial in it is a leftover.
class RepositoryLock {
 public:
  explicit RepositoryLock(const fs::path& repository)
      : fd_(open((repository / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) {
      throw base::Error(base::Code::kRepositoryUnusable, "cannot lock the repository " + repository.string())
          .Detail(std::strerror(errno));
    }
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      close(fd_);
      throw base::Error(base::Code::kRepositoryBusy, "another backup is being taken into " + repository.string());
    }
  }
  RepositoryLock(const RepositoryLock&) = delete;
  RepositoryLock& operator=(const RepositoryLock&) = delete;
  ~RepositoryLock() { close(fd_); }

 private:
  int fd_;
};

// "20261122T154830Z-1f9c": sorts by time.
std::string NewId() {
  std::string time = base::FormatTime(base::Now()).substr(0, 19);
  std::erase_if(time, [](char c) { return c == '-' || c == ':'; });
  return fmt::format("{}Z-{}", time, base::RandomHex(2));
}

// Removes a backup under way, unless it was completed.
class Partial {
 public:
  Partial(const fs::path& backups, const std::string& id, const std::optional<base::Account>& account)
      : path_(backups / (id + std::string(kPartial))) {
    MakeNewDirectory(path_, account);
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;
  ~Partial() {
    std::error_code ignored;
    if (!completed_) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void Complete(const fs::path& as) {
    fs::rename(path_, as);
    completed_ = true;
  }

 private:
  fs::path path_;
  bool completed_ = false;
};

// What wrote a backup may outlive the command that was killed: the part of pg_basebackup that receives WAL is a process
// of its own.
void RemoveLeftovers(const fs::path& backups) {
  for (const auto& entry : fs::directory_iterator(backups)) {
    if (!entry.path().filename().string().ends_with(kPartial)) continue;
    sandbox::EndProcessesIn(entry.path());
    std::error_code error;
    fs::remove_all(entry.path(), error);
    if (!error) continue;
    throw base::Error(base::Code::kRepositoryBusy,
                      "an interrupted backup is still being written to " + entry.path().string())
        .Detail(error.message());
  }
}

// Two servers in one folder would each find their names taken by the other's segments, and archive no more.
void RequireOwn(const fs::path& repository, pg::Connection& source) {
  const std::optional<std::string> owner = OwnerOf(repository);
  const std::string identifier = ReadLine(source).system_identifier;
  if (!owner || *owner == identifier) return;
  throw base::Error(base::Code::kRepositoryOfAnother,
                    fmt::format("{} holds the log of another server", repository.string()))
      .Detail(fmt::format("it is of the system identifier {}, and this server is {}", *owner, identifier))
      .Hint(
          fmt::format("Name another one in switchback.yaml, best `repository: {}/{{system_identifier}}`, in which the "
                      "server's identifier takes its place; then `switchback init --apply`.",
                      repository.string()));
}

// An archive command that was cut off leaves its copy; none takes that long.
void RemoveCopies(const fs::path& wal) {
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(wal, ignored)) {
    if (entry.path().filename().string().starts_with('.') && entry.last_write_time(ignored) < old) {
      fs::remove(entry.path(), ignored);
    }
  }
}

void CheckSource(const fs::path& repository, pg::Connection& source) {
  RequireOwn(repository, source);
  RequireArchiving(source, ArchiveCommand(repository));
  const pg::Result tablespaces = source.Query(std::string(sql_text::kReadTablespaces));
  if (!tablespaces.IsNull(0, 0)) {
    throw base::Error(base::Code::kTablespaces, "the server has tablespaces of its own: " + tablespaces.Text(0, 0));
  }
}

// How long the archiver may stand still while a backup waits for its last segments.
constexpr std::chrono::milliseconds kArchivePatience = std::chrono::seconds(60);

void CopyServer(pg::Connection& source, const sandbox::Binaries& binaries, const std::string& id, const fs::path& data,
                const std::optional<base::Account>& account, std::int64_t max_rate,
                std::chrono::milliseconds deadline) {
  const pg::ChildConnection child = pg::ForChild(source.options().conninfo);
  // WAL comes along, so that the backup alone is consistent, and so that the server does not wait for a broken archive.
  base::Command command{.argv = {binaries.Program("pg_basebackup"), "--dbname", child.conninfo, "--no-password",
                                 "--pgdata", data.string(), "--checkpoint=fast", "--wal-method=stream",
                                 "--manifest-checksums=CRC32C", "--label", "switchback " + id},
                        .env = {child.env.begin(), child.env.end()},
                        .pass = {"PG*"},
                        .account = account,
                        .deadline = deadline};
  // A sync of each file takes longer than all the rest where there are many tables; whoever calls this syncs them at
  // once.
  if (base::CanSyncFileSystems()) command.argv.emplace_back("--no-sync");
  if (max_rate > 0) command.argv.push_back(fmt::format("--max-rate={}k", max_rate / 1024));
  // Without a user in the string, it would be the account's name and not this process's.
  command.env["PGUSER"] = source.Query("SELECT session_user").Text(0, 0);
  command.env["LC_ALL"] = "C";
  const base::Finished finished = base::Run(command);
  if (finished.exit == 0) return;
  const bool full = SaysDiskFull(finished.err);
  throw base::Error(
      full ? base::Code::kNoSpace : base::Code::kBackupFailed,
      full ? "the disk became full while the base backup was written to " + data.string() : "pg_basebackup failed")
      .Detail(finished.err);
}

void VerifyData(const fs::path& data, const sandbox::Binaries& binaries, const std::optional<base::Account>& account,
                const std::string& id) {
  const base::Finished finished = base::Run({.argv = {binaries.Program("pg_verifybackup"), "--quiet", data.string()},
                                             .env = {{"LC_ALL", "C"}},
                                             .account = account});
  if (finished.exit == 0) return;
  throw base::Error(base::Code::kBackupCorrupt, fmt::format("backup {} is not what its manifest says", id))
      .Detail(finished.err);
}

}  // namespace

fs::path LocalProvider::DataOf(const std::string& id) const { return BackupsDirectory(repository_) / id / "data"; }

SegmentSource LocalProvider::Segments() {
  return [wal = WalDirectory(repository_)](const std::string& segment, const fs::path& to) {
    std::error_code ignored;
    if (!fs::exists(wal / segment, ignored)) return false;
    fs::create_symlink(wal / segment, to);
    return true;
  };
}

void LocalProvider::PrepareArchive(pg::Connection& source) {
  RequireOwn(repository_, source);
  PrepareRepository(repository_);
}

Readiness LocalProvider::Check(pg::Connection& source) {
  RequireOwn(repository_, source);
  const std::string ours = ArchiveCommand(repository_);
  Readiness readiness = CheckArchiving(source, ours, [&](const std::string& command) { return Runs(command, ours); });
  // An earlier form of our own command for the same folder: nobody else relies on it.
  const std::string folder = ShellQuoteForServer(WalDirectory(repository_).string());
  if (readiness.found && readiness.found->tool == FoundCommand::Tool::kSwitchback &&
      readiness.found->command.find("f=" + folder + "/%f;") == 0) {
    readiness.found.reset();
  }
  return readiness;
}

Backup LocalProvider::Take(pg::Connection& source, std::chrono::milliseconds deadline) {
  const auto start = std::chrono::steady_clock::now();
  CheckSource(repository_, source);
  const sandbox::Binaries binaries = sandbox::FindBinaries(source.ServerVersion() / 10000);
  PrepareRepository(repository_);
  const std::optional<base::Account> account = sandbox::ServerAccount(repository_);
  const RepositoryLock lock(repository_);
  RemoveLeftovers(BackupsDirectory(repository_));
  RemoveCopies(WalDirectory(repository_));

  const std::string id = NewId();
  Partial partial(BackupsDirectory(repository_), id, account);
  const fs::path data = partial.path() / "data";
  CopyServer(source, binaries, id, data, account, max_rate_, deadline);
  VerifyData(data, binaries, account, id);
  if (base::CanSyncFileSystems()) base::SyncFileSystemOf(partial.path());
  Backup backup = DescribeBackup(data, binaries, account);
  for (const std::string& segment : SegmentsBetween(backup.timeline, backup.start, backup.end, backup.segment_bytes)) {
    AwaitSegment(ArchiveOf(repository_), source, segment, std::min(deadline, kArchivePatience));
  }
  backup.id = id;
  backup.taken = base::Now();
  backup.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  base::Failpoint(base::FailpointId::kBackupBeforeComplete);
  base::WriteFile(partial.path() / kDescription, ToJson(backup).dump(2) + "\n");
  partial.Complete(BackupsDirectory(repository_) / id);
  return backup;
}

std::vector<Backup> LocalProvider::List() {
  std::vector<Backup> backups;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(BackupsDirectory(repository_), missing)) {
    if (entry.path().filename().string().ends_with(kPartial)) continue;
    try {
      backups.push_back(BackupFromJson(base::ReadJsonFile(entry.path() / kDescription)));
    } catch (const base::Error& error) {
      base::Warn("{} is passed over: {}", entry.path().string(), error.what());
    }
  }
  std::sort(backups.begin(), backups.end(), [](const Backup& a, const Backup& b) { return a.taken < b.taken; });
  return backups;
}

void LocalProvider::Verify(const Backup& backup) {
  VerifyData(DataOf(backup.id), sandbox::FindBinaries(backup.server_major), sandbox::ServerAccount(repository_),
             backup.id);
}

void LocalProvider::AwaitArchived(pg::Connection& source, const std::string& segment,
                                  std::chrono::milliseconds deadline) {
  AwaitSegment(ArchiveOf(repository_), source, segment, deadline);
}

}  // namespace backup::local
