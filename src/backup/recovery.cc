#include "backup/recovery.h"

#include <fmt/core.h>

#include <future>
#include <map>
#include <mutex>

#include "backup/configuration.h"
#include "backup/programs.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "pg/connection.h"
#include "sandbox/workspace.h"

namespace backup {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

milliseconds Since(steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
}

fs::path DataOf(const RecoveryJob& job) { return job.request.directory / "data"; }

// What makes the copy end at the point.
std::map<std::string, std::string> RecoverySettings(const RecoveryJob& job) {
  const Point& point = job.request.point;
  std::map<std::string, std::string> settings = CopySettings(job);
  settings.merge(std::map<std::string, std::string>{
      {"restore_command", job.restore_command},
      {point.name.empty() ? "recovery_target_lsn" : "recovery_target_name",
       point.name.empty() ? point.lsn.Text() : point.name},
      {"recovery_target_inclusive", "off"},
      {"recovery_target_action", "promote"},
      {"hot_standby", "off"},
  });
  return settings;
}

// Where the new timeline leaves the source's: what was really replayed, to the byte.
Lsn EndOfReplay(const fs::path& data, std::uint32_t timeline) {
  const std::string history = base::ReadFile(data / "pg_wal" / fmt::format("{:08X}.history", timeline));
  Lsn last;
  for (std::size_t at = 0; at < history.size();) {
    const std::size_t end = std::min(history.find('\n', at), history.size());
    const std::string line = history.substr(at, end - at);
    const std::size_t lsn = line.find('\t');
    if (!line.empty() && line.front() != '#' && lsn != std::string::npos) {
      last = Lsn::Parse(line.substr(lsn + 1, line.find('\t', lsn + 1) - lsn - 1));
    }
    at = end + 1;
  }
  return last;
}

// That a server is up and promoted proves nothing: it must say that it stopped at the point, and its history must
// agree.
void CheckEnd(const RecoveryJob& job, const std::string& log, Restored& restored) {
  pg::Connection server = pg::Connection::Open({.conninfo = restored.url});
  const pg::Result row =
      server.Query("SELECT pg_is_in_recovery(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)");
  if (row.Bool(0, 0)) throw base::Error(base::Code::kRestoreFailed, "the new server is still in recovery");
  constexpr int kHex = 16;
  restored.timeline = static_cast<std::uint32_t>(std::stoul(row.Text(0, 1), nullptr, kHex));
  {
    const base::ActingAs account(job.account);
    restored.reached = EndOfReplay(DataOf(job), restored.timeline);
  }

  const Point& point = job.request.point;
  const std::string stopped = point.name.empty()
                                  ? fmt::format("recovery stopping before WAL location (LSN) \"{}\"", point.lsn.Text())
                                  : fmt::format("recovery stopping at restore point \"{}\"", point.name);
  if (log.find(stopped) == std::string::npos) {
    throw base::Error(base::Code::kRestoreFailed, "the new server does not say that it stopped at the point");
  }
  // A point without a record of its own may lie behind the header of the page that the last record just filled.
  constexpr std::uint64_t kPage = 8192;
  constexpr std::uint64_t kHeaderMax = 40;
  const bool before_header = point.name.empty() && restored.reached.value % kPage == 0 &&
                             restored.reached < point.lsn && point.lsn.value - restored.reached.value <= kHeaderMax;
  if (restored.reached != point.lsn && !before_header) {
    throw base::Error(base::Code::kRestoreFailed, fmt::format("the new server ended at {}, the point is {}",
                                                              restored.reached.Text(), point.lsn.Text()));
  }
}

std::string StopCommand(const RecoveryJob& job) {
  const std::string as =
      job.account ? fmt::format("setpriv --reuid={} --regid={} --clear-groups ", job.account->uid, job.account->gid)
                  : "";
  return fmt::format("{}{} stop -D {} -m fast", as, ShellQuote(job.binaries.Program("pg_ctl")),
                     ShellQuote(DataOf(job).string()));
}

Restored Recover(const RecoveryJob& job, const std::function<void(const std::string&)>& tell) {
  Restored restored;
  restored.backup_id = job.backup.id;
  restored.directory = job.request.directory;
  auto start = steady_clock::now();
  tell("copying the backup " + job.backup.id);
  MakeCopy(job, "recovery.signal");
  restored.copy = Since(start);
  base::Failpoint(base::FailpointId::kRestoreCopied);

  start = steady_clock::now();
  tell("replaying the write-ahead log up to " + job.request.point.lsn.Text());
  sandbox::Server server = sandbox::Server::Adopt({.binaries = job.binaries,
                                                   .data = DataOf(job),
                                                   .socket_directory = {},
                                                   .port = {},
                                                   .account = job.account,
                                                   .role = job.request.role,
                                                   .database = job.request.database,
                                                   .settings = RecoverySettings(job),
                                                   .pass = job.pass});
  try {
    server.Start(job.request.deadline, true);
  } catch (const base::Error& error) {
    const std::string said = error.detail().empty() ? error.message() : error.message() + "\n" + error.detail();
    throw base::Error(SaysDiskFull(said) ? base::Code::kNoSpace : base::Code::kRestoreFailed,
                      "the new server did not come up")
        .Detail(said);
  }
  restored.recover = Since(start);
  base::Failpoint(base::FailpointId::kRestoreUp);
  restored.url = server.Url();
  restored.stop = StopCommand(job);
  CheckEnd(job, server.LogText(), restored);
  if (job.tidy) job.tidy(DataOf(job));
  server.Detach();
  return restored;
}

class Recovery : public Restoration {
 public:
  explicit Recovery(RecoveryJob job) : job_(std::move(job)) {
    done_ = std::async(std::launch::async, [this] { return Work(); });
  }

  Progress Poll() override {
    if (done_.valid() && done_.wait_for(milliseconds(0)) == std::future_status::ready) last_ = done_.get();
    const std::lock_guard<std::mutex> guard(mutex_);
    if (last_.state == Progress::State::kRunning) last_.text = text_;
    return last_;
  }

 private:
  Progress Work() {
    try {
      const Restored restored = Recover(job_, [this](const std::string& text) {
        const std::lock_guard<std::mutex> guard(mutex_);
        text_ = text;
      });
      return {.state = Progress::State::kDone, .text = "done", .restored = restored, .error = {}};
    } catch (const base::Error& error) {
      return Failed(error);
    } catch (const std::exception& error) {
      return Failed(base::Error(base::Code::kRestoreFailed, "the restore failed").Detail(error.what()));
    }
  }

  Progress Failed(const base::Error& error) {
    std::error_code ignored;
    fs::remove_all(job_.request.directory, ignored);
    return {.state = Progress::State::kFailed, .text = error.message(), .restored = {}, .error = error};
  }

  RecoveryJob job_;
  std::mutex mutex_;
  std::string text_;
  Progress last_;
  std::future<Progress> done_;  // last: its destructor waits for Work, which uses the others
};

fs::path Checked(const fs::path& directory) {
  const fs::path full = fs::absolute(directory).lexically_normal();
  constexpr std::size_t kPathBytesMax = 88;  // a socket's path ends at 107 bytes
  if (!directory.empty() && full.string().size() <= kPathBytesMax) return full;
  throw base::Error(base::Code::kUsage, directory.empty()
                                            ? "no directory was named for the new server"
                                            : "the path of the new server's directory is too long for its socket")
      .Detail(directory.empty() ? "" : full.string())
      .Hint(fmt::format("Name a directory of at most {} bytes.", kPathBytesMax));
}

}  // namespace

void MakeDirectory(RecoveryJob& job) {
  job.request.directory = Checked(job.request.directory);
  MakeNewDirectory(job.request.directory, job.account);
  sandbox::Claim(job.request.directory);
}

// The presence of the signal asks for that kind of recovery; another one that was left behind would ask for something
// else.
void MakeCopy(const RecoveryJob& job, const std::string& signal) {
  const fs::path data = DataOf(job);
  job.copy(data);
  const base::ActingAs account(job.account);
  RefuseLinks(data);
  std::error_code ignored;
  for (const char* name : {"standby.signal", "recovery.signal"}) fs::remove(data / name, ignored);
  base::WriteFile(data / signal, "", 0600);
  ReduceConfiguration(data, LeftOutOf(job.request.directory));
}

// It archives nothing, subscribes to nothing, waits for no standby, and runs no command of the source's configuration.
std::map<std::string, std::string> CopySettings(const RecoveryJob& job) {
  const std::string control = RunControlData(DataOf(job), job.binaries, job.account);
  std::map<std::string, std::string> settings = {
      {"recovery_target_timeline", std::to_string(job.request.point.timeline)},
      {"recovery_end_command", ""},
      {"archive_cleanup_command", ""},
      {"archive_mode", "off"},
      {"primary_conninfo", ""},
      {"primary_slot_name", ""},
      {"synchronous_standby_names", ""},
      {"max_logical_replication_workers", "0"},
      {"log_min_messages", "warning"},
      {"max_connections", ControlData(control, "max_connections setting")},
      {"max_worker_processes", ControlData(control, "max_worker_processes setting")},
      {"max_wal_senders", ControlData(control, "max_wal_senders setting")},
      {"max_prepared_transactions", ControlData(control, "max_prepared_xacts setting")},
      {"max_locks_per_transaction", ControlData(control, "max_locks_per_xact setting")},
  };
  // The copy is not on the disk yet: one sync of all of it, or one of each file.
  if (base::CanSyncFileSystems()) settings["recovery_init_sync_method"] = "syncfs";
  if (job.request.throwaway) {
    for (const char* name : {"fsync", "full_page_writes", "synchronous_commit"}) settings[name] = "off";
  }
  return settings;
}

std::unique_ptr<Restoration> BeginRecovery(RecoveryJob job) {
  MakeDirectory(job);
  return std::make_unique<Recovery>(std::move(job));
}

void DiscardServer(const Restored& restored) {
  if (!restored.directory) return;
  base::Run({.argv = {"sh", "-c", restored.stop}});
  std::error_code error;
  fs::remove_all(*restored.directory, error);
  if (error) base::Warn("cannot remove {}: {}", restored.directory->string(), error.message());
}

}  // namespace backup
