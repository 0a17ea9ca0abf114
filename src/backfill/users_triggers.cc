#include "backfill/users_triggers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "backfill/sql_text.h"
#include "base/error.h"
#include "pg/transaction.h"

namespace backfill {
namespace {

bool MaySkip(pg::Connection& connection) {
  try {
    pg::Transaction transaction(connection);
    connection.Exec("SET LOCAL session_replication_role = replica");
    return true;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    return false;
  }
}

}  // namespace

bool SkipsTriggers(pg::Connection& connection, const Job& job) {
  const std::string table = job.backfill.table.Sql();
  const auto found = connection.Query(std::string(sql_text::kUsersTriggers), {table, job.backfill.column});
  std::vector<std::string> plain;
  std::vector<std::string> firing;
  bool for_replicas = false;
  for (int i = 0; i < found.rows(); ++i) {
    const pg::QualifiedName relation{found.Text(i, 1), found.Text(i, 2)};
    const char mode = found.Text(i, 3).front();
    for_replicas = for_replicas || mode == 'R';
    if (mode == 'R') continue;
    (mode == 'A' ? firing : plain).push_back(fmt::format("trigger {} on {}", found.Text(i, 0), relation.Text()));
  }
  const bool skips = !plain.empty() && !for_replicas &&
                     !connection.Query(std::string(sql_text::kInForeignKey), {table, job.backfill.column}).Bool(0, 0) &&
                     MaySkip(connection);
  if (!skips) firing.insert(firing.end(), plain.begin(), plain.end());
  std::erase_if(firing, [&](const std::string& trigger) {
    return std::ranges::find(job.backfill.triggers, trigger) != job.backfill.triggers.end();
  });
  if (firing.empty()) return skips;
  throw base::Error(base::Code::kStepRefused, fmt::format("the backfill of {} would fire triggers of the applications",
                                                          job.backfill.table.Text()))
      .Detail(fmt::format("{}", fmt::join(firing, "\n")))
      .Hint(
          "GRANT SET ON PARAMETER session_replication_role to the role (from PostgreSQL 15 on), or disable them, or "
          "name them under `accept` in release.yaml and plan again.");
}

}  // namespace backfill
