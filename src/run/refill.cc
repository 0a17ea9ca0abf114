#include "run/refill.h"

#include <fmt/core.h>

#include <algorithm>

#include "backfill/backfill.h"
#include "base/failpoint.h"
#include "base/long_work.h"
#include "pg/transaction.h"
#include "plan/conditions.h"
#include "plan/later_fill.h"
#include "run/runner.h"
#include "run/search_path.h"

namespace run {
namespace {

bool AllThere(pg::Connection& connection, const plan::LaterFill& fill) {
  return std::ranges::all_of(fill.columns, [&](const std::string& column) {
    return connection.Exec(plan::ColumnExists(fill.backfill.table, column)).Bool(0, 0);
  });
}

std::int64_t Count(pg::Connection& connection, const plan::Backfill& backfill, const std::string& search_path) {
  const base::LongWork work(fmt::format("looking for rows of {} without the value that they ought to have in {}",
                                        backfill.table.Text(), backfill.column));
  pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, true);
  SetSearchPath(connection, search_path);
  connection.Exec("SET LOCAL row_security = off");
  return connection
      .Exec(fmt::format("SELECT pg_catalog.count(*) FROM (SELECT FROM {} AS t WHERE ({}) LIMIT {}) AS pending",
                        backfill.table.Sql(), backfill.pending, kUnfilledCounted))
      .Int(0, 0);
}

}  // namespace

std::vector<Unfilled> FindUnfilled(pg::Connection& connection, const plan::Plan& plan, std::size_t done) {
  std::vector<Unfilled> found;
  for (std::size_t step = 0; step < std::min(done, plan.steps.size()); ++step) {
    for (plan::LaterFill& later : plan::LaterFillsOf(plan, step, done)) {
      if (!AllThere(connection, later)) continue;
      const std::int64_t rows = Count(connection, later.backfill, plan.steps[step].search_path);
      if (rows > 0) found.push_back({step, std::move(later.backfill), rows});
      break;
    }
  }
  return found;
}

std::string Text(const Unfilled& unfilled) {
  return fmt::format("{}{} row{} of {} came beside the triggers, and {} has not the value that it ought to have there",
                     unfilled.rows >= kUnfilledCounted ? "at least " : "", unfilled.rows, unfilled.rows == 1 ? "" : "s",
                     unfilled.backfill.table.Text(), unfilled.backfill.column);
}

std::int64_t Runner::FillAgain() {
  std::int64_t rows = 0;
  for (const Unfilled& unfilled : FindUnfilled(connection_, session_.plan, position_.done)) {
    const plan::Step& step = session_.plan.steps[unfilled.step];
    const backfill::Job job = JobOf(step, unfilled.backfill, position_.intent);
    tag_.step = step.id;
    tag_.direction = journal::Name(journal::Direction::kForward);
    Tell(Progress::What::kBegins, unfilled.step, journal::Direction::kForward, "again: " + step.title);
    const backfill::Filled filled = backfill::Fill(job);
    pg::Transaction transaction(connection_);
    Prologue(connection_);
    SetSearchPath(connection_, step.search_path);
    backfill::ListUnconverted(connection_, job);
    backfill::Forget(connection_, session_.plan.release, step.id);
    base::Failpoint(base::FailpointId::kRunBeforeFilledAgain);
    transaction.Commit();
    session_.journal.Append("filled_again", {{"step", step.id}, {"rows", filled.rows}, {"locks", filled.locks}});
    Tell(Progress::What::kEnds, unfilled.step, journal::Direction::kForward, fmt::format("{} rows", filled.rows));
    if (session_.after_step) session_.after_step(step, journal::Direction::kForward);
    rows += filled.rows;
  }
  return rows;
}

}  // namespace run
