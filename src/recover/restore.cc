#include "recover/restore.h"

#include <fmt/core.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/unfinished.h"
#include "recover/log_loss.h"
#include "sandbox/workspace.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

LogCount CountLeftBehind(const RestoreOptions& options, const checkpoint::Checkpoint& checkpoint,
                         backup::BackupProvider& provider) {
  std::optional<pg::Connection> server;
  const std::string silent = AskFor(options.conninfo, server);
  return CountInLog({.checkpoint = checkpoint,
                     .state = options.state,
                     .provider = provider,
                     .server = server ? &*server : nullptr,
                     .silent = silent,
                     .source_wal = options.source_wal,
                     .finish = true});
}

}  // namespace

base::Json ToJson(const RestoreReport& report) {
  base::Json left_behind;
  if (report.left_behind) left_behind = backup::ToJson(*report.left_behind);
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
  const LogCount count = CountLeftBehind(options, report.checkpoint, provider);
  report.left_behind = count.account;
  report.left_behind_note = count.note;
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
