#include "backfill/backfill.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <thread>

#include "backfill/overseer.h"
#include "backfill/sql_text.h"
#include "backfill/statements.h"
#include "backfill/users_triggers.h"
#include "backfill/workers.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/long_work.h"
#include "pg/lock_meter.h"
#include "pg/transaction.h"

namespace backfill {
namespace {

constexpr int kPasses = 20;
constexpr std::int64_t kLeastBlocks = 256;  // of a part
constexpr int kPartsEach = 4;               // so that no worker is left alone with a long last one

int Threads(const Job& job) {
  if (job.throttle.workers > 0) return job.throttle.workers;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4);
}

void SetPath(pg::Connection& connection, const Job& job) {
  connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)",
                   {job.search_path.empty() ? "pg_catalog, pg_temp" : job.search_path});
}

void SetLockTimeout(pg::Connection& connection, const Job& job) {
  connection.Exec(fmt::format("SET LOCAL lock_timeout = {}", job.lock_timeout.count()));
}

// Lays out the parts of a pass, unless an interrupted one left its own.
std::vector<Part> Parts(pg::Connection& connection, const Job& job) {
  pg::Transaction transaction(connection);
  job.begin(connection);
  SetLockTimeout(connection, job);
  const auto leaves = connection.Query(std::string(sql_text::kLeaves), {job.backfill.table.Sql()});
  const bool resumed = connection.Query(std::string(sql_text::kHasCursors), {job.release, job.step}).Bool(0, 0);
  std::map<std::string, Part> by_text;
  for (int i = 0; i < leaves.rows(); ++i) {
    const pg::QualifiedName leaf{leaves.Text(i, 0), leaves.Text(i, 1)};
    by_text[leaf.Text()] = {.leaf = leaf, .rows_per_block = leaves.Double(i, 3)};
    if (resumed) continue;
    const std::int64_t blocks = leaves.Int(i, 2);
    const std::int64_t parts = std::clamp<std::int64_t>(blocks / kLeastBlocks, 1, Threads(job) * kPartsEach);
    for (std::int64_t part = 0; part < parts; ++part) {
      connection.Query(std::string(sql_text::kAddCursor),
                       {job.release, job.step, leaf.Text(), std::to_string(part), std::to_string(blocks * part / parts),
                        std::to_string(blocks * (part + 1) / parts)});
    }
  }
  const auto open = connection.Query(std::string(sql_text::kCursors), {job.release, job.step});
  std::vector<Part> result;
  for (int i = 0; i < open.rows(); ++i) {
    const auto leaf = by_text.find(open.Text(i, 0));
    if (leaf == by_text.end()) continue;  // a partition that was dropped meanwhile
    Part part = leaf->second;
    part.part = open.Int(i, 1);
    part.next = open.Int(i, 2);
    part.end = open.Int(i, 3);
    result.push_back(std::move(part));
  }
  base::Failpoint(base::FailpointId::kBackfillBeforeLayOut);
  transaction.Commit();
  return result;
}

bool AnyPending(pg::Connection& connection, const Job& job) {
  const base::LongWork work("looking for rows that are still pending", {.tell = job.tell, .says_done = false});
  pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, true);
  SetPath(connection, job);
  SetLockTimeout(connection, job);
  connection.Exec("SET LOCAL row_security = off");
  if (job.throttle.share < 1) connection.Exec("SET LOCAL max_parallel_workers_per_gather = 0");
  return connection.Exec(AnyPendingSql(job.backfill)).Bool(0, 0);
}

}  // namespace

Filled Fill(const Job& job) {
  auto connection = pg::Connection::Open(job.connect);
  const bool skip_triggers = SkipsTriggers(connection, job);
  Overseer overseer(job, connection);
  Rate rate(job.rows_per_s, job.throttle.share);
  std::int64_t rows = 0;
  pg::LongestLocks locks;
  for (int pass = 1; pass <= kPasses; ++pass) {
    Workers workers(job, Parts(connection, job), pass == 1 ? Take::kEmpty : Take::kAll, skip_triggers, rate, locks);
    overseer.Watch(workers, Threads(job));
    rows += workers.rows();
    base::Failpoint(base::FailpointId::kBackfillBeforeCheck);
    if (!AnyPending(connection, job)) return {rows, locks.List()};
    pg::Transaction transaction(connection);
    job.begin(connection);
    Forget(connection, job.release, job.step);
    transaction.Commit();
  }
  throw base::Error(base::Code::kBackfillStuck,
                    fmt::format("after {} passes rows of {} are still pending", kPasses, job.backfill.table.Text()))
      .Detail(fmt::format("pending: {}", job.backfill.pending))
      .TargetChanged(base::Changed::kYes);
}

void ListUnconverted(pg::Connection& connection, const Job& job) {
  const std::string sql = UnconvertedSql(job.backfill);
  if (sql.empty()) return;
  connection.Query(
      "DELETE FROM switchback.unconverted WHERE release = $1 AND relation = $2 AND \"column\" = $3 AND direction = "
      "'up'",
      {job.release, job.backfill.table.Text(), job.backfill.column});
  connection.Query(sql, {job.release});
}

void Forget(pg::Connection& connection, const std::string& release, const std::string& step) {
  connection.Query(std::string(sql_text::kForgetCursors), {release, step});
}

}  // namespace backfill
