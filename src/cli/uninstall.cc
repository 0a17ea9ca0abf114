#include <fmt/core.h>

#include "base/error.h"
#include "base/failpoint.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/sql_text.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"
#include "run/look.h"
#include "salvage/fence.h"

namespace cli {
namespace {

struct Found {
  std::vector<std::string> open;
  std::vector<std::string> drops;
};

Found Look(pg::Connection& connection) {
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
std::int64_t BringJournals(Context& context, pg::Connection& connection) {
  std::int64_t journals = 0;
  const pg::Result rows = connection.Query("SELECT DISTINCT release FROM switchback.journal ORDER BY release");
  for (int i = 0; i < rows.rows(); ++i) {
    run::OpenJournal(connection, rows.Text(i, 0), context.project().StateOf(rows.Text(i, 0)));
    ++journals;
  }
  return journals;
}

Outcome RunUninstall(const Invocation& invocation) {
  Context context(invocation);
  pg::Connection connection = context.Connect();
  if (!journal::SchemaInstalled(connection)) return {.text = "schema switchback is not there"};
  journal::InstallSchema(connection);
  const Found found = Look(connection);
  Outcome outcome{.result = {{"open", found.open}, {"dropped", false}}};
  if (!found.open.empty()) {
    base::Error error(base::Code::kOpenEnds, "schema switchback is still needed");
    std::string detail;
    for (const std::string& open : found.open) detail += (detail.empty() ? "" : "\n") + open;
    throw error.Detail(detail).Hint(
        "`switchback status` says where releases stand, and `switchback close RELEASE` ends one.");
  }
  if (invocation.Has("--dry-run")) {
    outcome.text = "nothing is open: schema switchback would be dropped, and its journals kept in files here";
    outcome.next = "switchback uninstall";
    return outcome;
  }
  const std::int64_t journals = BringJournals(context, connection);
  const release::Policy& policy = context.project().environment.policy;
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
  outcome.result["dropped"] = true;
  outcome.text = fmt::format("schema switchback is dropped; the journals of {} releases are in {}", journals,
                             context.project().StateOf("").parent_path().string());
  return outcome;
}

}  // namespace

Command Uninstall() {
  return {.name = "uninstall",
          .summary = "Drop schema switchback from the database, where nothing is open",
          .options = {{.name = "--dry-run", .help = "say what is open"}},
          .text =
              "Refused while a release is not closed, a slot or a retired table is left, or a fence stands. Journals\n"
              "that are only in the database are written into files first. Nothing of the applications is touched.",
          .verb = RunUninstall};
}

}  // namespace cli
