#include "recover/restore.h"

#include <fmt/core.h>

#include <algorithm>

#include "backup/programs.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/unfinished.h"
#include "journal/tag.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using backup::local::WalAccount;
using std::chrono::milliseconds;

// How far the old server's log can be read.
struct Reach {
  std::optional<fs::path> wal;  // its pg_wal, when it is on this machine
  backup::Lsn to;               // 0: as far as there is WAL
  std::string note;
};

// The data directory that the server names may be another machine's, or another server's on this one.
bool IsDataOf(const fs::path& data, const std::string& system_identifier, const sandbox::Binaries& binaries) {
  try {
    const std::string control = backup::RunControlData(data, binaries, {});
    return backup::ControlData(control, "Database system identifier") == system_identifier;
  } catch (const base::Error&) {
    return false;
  }
}

// Asks the old server for the end of its log, and where that lies; where it lies out of reach, has it archive what it
// has.
Reach AskSource(const RestoreOptions& options, const checkpoint::Checkpoint& checkpoint,
                const sandbox::Binaries& binaries, backup::BackupProvider& provider) {
  if (!options.conninfo) {
    return {.wal = {}, .to = {}, .note = "counted as far as the archive goes: the old server was not asked"};
  }
  Reach reach;
  try {
    pg::Connection source = pg::Connection::Open({.conninfo = *options.conninfo});
    const pg::Result now =
        source.Query("SELECT pg_current_wal_flush_lsn(), pg_walfile_name(pg_current_wal_insert_lsn())");
    reach.to = backup::Lsn::Parse(now.Text(0, 0));
    try {
      const fs::path data = source.Query("SELECT current_setting('data_directory')").Text(0, 0);
      if (IsDataOf(data, checkpoint.point.system_identifier, binaries)) {
        reach.wal = data / "pg_wal";
        reach.note = "counted to the end of the old server's log";
        return reach;
      }
    } catch (const base::Error& error) {
      if (error.code() != base::Code::kPrivilege) throw;
    }
    source.Exec("SELECT pg_switch_wal()");
    provider.AwaitArchived(source, now.Text(0, 1), std::chrono::seconds(60));
    reach.note = "counted to the end of the old server's log";
  } catch (const base::Error& error) {
    reach.to = {};
    reach.note = "counted as far as the archive goes: " + error.message();
  }
  return reach;
}

std::optional<WalAccount> CountLeftBehind(const RestoreOptions& options, const checkpoint::Checkpoint& checkpoint,
                                          backup::BackupProvider& provider, std::string& note) {
  const std::optional<fs::path> archive = provider.WalArchive();
  if (!archive) {
    note = "not counted: the archive cannot be read from here";
    return std::nullopt;
  }
  const std::vector<backup::Backup> backups = provider.List();
  const auto backup = std::find_if(backups.begin(), backups.end(),
                                   [&](const backup::Backup& each) { return each.id == checkpoint.backup_id; });
  const sandbox::Binaries binaries =
      sandbox::FindBinaries(backup == backups.end() ? std::optional<int>() : std::optional<int>(backup->server_major));
  Reach reach = AskSource(options, checkpoint, binaries, provider);
  if (!reach.wal && !options.source_wal.empty()) reach.wal = options.source_wal;
  backup::local::AccountRequest request;
  request.binaries = binaries;
  request.directories = {*archive};
  if (reach.wal) request.directories.push_back(*reach.wal);
  request.timeline = checkpoint.point.timeline;
  request.scan_from = checkpoint.scan_from;
  request.from = checkpoint.point.lsn;
  request.to = reach.to;
  request.database = checkpoint.database_oid;
  request.is_ours = [secret = journal::RunSecret(options.state)](const std::string& tag) {
    return journal::ReadTag(secret, tag).has_value();
  };
  note = reach.note;
  return backup::local::AccountFor(request);
}

}  // namespace

base::Json ToJson(const RestoreReport& report) {
  base::Json left_behind;
  if (report.left_behind) left_behind = backup::local::ToJson(*report.left_behind);
  return {{"url", report.restored.url},
          {"directory", report.restored.directory ? base::Json(report.restored.directory->string()) : base::Json()},
          {"stop", report.restored.stop},
          {"checkpoint", checkpoint::DigestOf(report.checkpoint)},
          {"restore_point", report.checkpoint.point.name},
          {"lsn", report.checkpoint.point.lsn.Text()},
          {"reached_lsn", report.restored.reached.Text()},
          {"timeline", report.restored.timeline},
          {"backup", report.restored.backup_id},
          {"copy_ms", report.restored.copy.count()},
          {"recover_ms", report.restored.recover.count()},
          {"took_ms", report.took.count()},
          {"verification", checkpoint::ToJson(report.verification)},
          {"left_behind", left_behind},
          {"left_behind_note", report.left_behind_note}};
}

RestoreReport Restore(const RestoreOptions& options, backup::BackupProvider& provider, journal::Journal& journal) {
  RestoreReport report;
  report.checkpoint = checkpoint::Load(options.state);
  const auto start = std::chrono::steady_clock::now();
  backup::RestoreRequest request;
  request.point = report.checkpoint.point;
  request.directory = options.directory;
  checkpoint::RemoveUnfinished(options.state, journal);
  checkpoint::NoteRestore(options.state, request.directory);
  request.database = report.checkpoint.database;
  request.role = report.checkpoint.role;
  request.deadline = options.deadline;
  report.restored = backup::Await(*provider.StartRestore(request), options.tell);
  if (options.tell) options.tell("comparing it with what the checkpoint knows");
  report.verification = checkpoint::Verify(report.restored.url, report.checkpoint);
  report.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
  if (options.tell) options.tell("counting the transactions that it leaves behind");
  report.left_behind = CountLeftBehind(options, report.checkpoint, provider, report.left_behind_note);
  base::Failpoint(base::FailpointId::kRestoreVerified);
  journal.Append("restored", ToJson(report));
  if (report.restored.directory) sandbox::Release(*report.restored.directory);
  base::Failpoint(base::FailpointId::kRestoreRecorded);
  if (!report.verification.Good()) {
    throw base::Error(base::Code::kRestoreUnverified, "the restored server differs from what the checkpoint knows")
        .Detail(checkpoint::ToJson(report.verification).at("differences").dump())
        .Hint("It runs at " + report.restored.url + "; to stop it: " + report.restored.stop);
  }
  return report;
}

}  // namespace recover
