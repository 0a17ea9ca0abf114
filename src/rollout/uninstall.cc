#include "rollout/uninstall.h"

#include <fmt/core.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/failpoint.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"
#include "rollout/sql_text.h"
#include "run/look.h"
#include "salvage/fence.h"

namespace rollout {
namespace {

struct Found {
  std::vector<std::string> open;
  std::vector<std::string> drops;
};

Found LookForOpen(pg::Connection& connection) {
  Found found;
  const pg::Result rows = connection.Query(std::string(sql_text::kReadUninstall));
  for (int i = 0; i < rows.rows(); ++i) {
    if (rows.Text(i, 0) == "drop") {
      found.drops.push_back(rows.Text(i, 1));
    } else {
      found.open.push_back(fmt::format("{} {}", rows.Text(i, 0), rows.Text(i, 1)));
    }
  }
  if (salvage::LookAtFence(connection).tables > 0) found.open.emplace_back("the fence of a cut-over");
  return found;
}

// The journals of releases that are not on this machine yet: their mirror is about to go.
std::int64_t BringJournals(const release::Project& project, pg::Connection& connection) {
  std::int64_t journals = 0;
  const pg::Result rows = connection.Query("SELECT DISTINCT release FROM switchback.journal ORDER BY release");
  for (int i = 0; i < rows.rows(); ++i) {
    run::OpenJournal(connection, rows.Text(i, 0), project.StateOf(rows.Text(i, 0))).Settle();
    ++journals;
  }
  return journals;
}

void RequireNothingOpen(const Found& found) {
  if (found.open.empty()) return;
  std::string detail;
  for (const std::string& open : found.open) detail += (detail.empty() ? "" : "\n") + open;
  throw base::Error(base::Code::kOpenEnds, "schema switchback is still needed")
      .Detail(detail)
      .Hint("`switchback status` says where releases stand, and `switchback close RELEASE` ends one.");
}

}  // namespace

Uninstalled Uninstall(const release::Project& project, pg::Connection& connection, bool dry_run) {
  if (!journal::SchemaInstalled(connection)) return {.there = false};
  journal::InstallSchema(connection);
  const Found found = LookForOpen(connection);
  RequireNothingOpen(found);
  if (dry_run) return {};
  const std::int64_t journals = BringJournals(project, connection);
  const release::Policy& policy = project.environment.policy;
  const pg::LockPatience patience{.lock_timeout = policy.lock_timeout, .retries = policy.lock_retries};
  pg::RetryForLocks(connection, patience, "the locks of schema switchback",
                    [&](std::chrono::milliseconds lock_timeout) {
                      pg::Transaction transaction(connection);
                      pg::SetLockTimeout(connection, lock_timeout);
                      for (const std::string& drop : found.drops) connection.Exec(drop);
                      connection.Exec("DROP SCHEMA switchback; DROP SCHEMA IF EXISTS switchback_retired");
                      base::Failpoint(base::FailpointId::kUninstallBeforeCommit);
                      transaction.Commit();
                    });
  return {.journals = journals};
}

}  // namespace rollout
