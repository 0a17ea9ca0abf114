#include "backfill/overseer.h"

#include <fmt/core.h>

#include "backfill/sql_text.h"
#include "base/error.h"
#include "base/time.h"
#include "pg/transaction.h"

namespace backfill {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{200};
constexpr auto kRateWindow = std::chrono::seconds(10);
// What is left is told from the time that the last minute took, its pauses and all: they come again.
constexpr auto kLeftWindow = std::chrono::minutes(1);

}  // namespace

Overseer::Overseer(const Job& job, pg::Connection& connection)
    : job_(job),
      connection_(connection),
      sampler_(job),
      pauses_([&job](const Pause& pause) {
        if (job.paused) job.paused(pause);
      }),
      rows_(kRateWindow),
      blocks_(kLeftWindow) {}

void Overseer::Watch(Workers& workers, int threads) {
  try {
    Oversee(workers, threads);
  } catch (...) {
    pauses_.End(base::Now());
    throw;
  }
  pauses_.End(base::Now());
}

void Overseer::Oversee(Workers& workers, int threads) {
  const auto stands = connection_.Query(std::string(sql_text::kProgress), {job_.release, job_.step});
  before_ = {
      .rows = stands.Int(0, 0), .blocks = stands.Int(0, 1), .all_blocks = stands.Int(0, 2), .pass = before_.pass + 1};
  rows_ = base::MovingRate(kRateWindow);
  blocks_ = base::MovingRate(kLeftWindow);
  StoreState();
  Measure(workers);
  auto measured = Clock::now();
  workers.Start(threads);
  while (!workers.Wait(std::min(kTick, job_.throttle.every))) {
    if (Clock::now() - measured >= job_.throttle.every) {
      Measure(workers);
      measured = Clock::now();
    }
    Tell(workers);
  }
  if (pauses_.Note(std::nullopt, base::Now())) StoreState();
  workers.Finish();
}

void Overseer::Measure(Workers& workers) {
  const auto reason = Throttled(job_.throttle, sampler_.Sample(workers.Pids()));
  const base::Time now = base::Now();
  const bool changed = pauses_.Note(reason, now);
  workers.Hold(reason.has_value());
  if (changed) StoreState();
  if (!reason || reason->fact == "pause" || !job_.throttle.longest_pause) return;
  if (pauses_.Lasted(now) <= *job_.throttle.longest_pause) return;
  throw base::Error(base::Code::kBackfillHeld,
                    fmt::format("the backfill of {} waited for {}", job_.backfill.table.Text(),
                                base::FormatDuration(pauses_.Lasted(now))))
      .Detail(reason->text)
      .TargetChanged(base::Changed::kYes);
}

void Overseer::StoreState() {
  const auto& reason = pauses_.reason();
  pg::Transaction transaction(connection_);
  job_.begin(connection_);
  connection_.Query(std::string(sql_text::kSetState),
                    {job_.release, job_.step, reason ? pg::Param(reason->text) : std::nullopt});
  transaction.Commit();
}

void Overseer::Tell(const Workers& workers) {
  if (!job_.progress) return;
  const auto now = Clock::now();
  Report report = before_;
  report.rows += workers.rows();
  report.blocks += workers.blocks();
  rows_.Note(now, report.rows);
  blocks_.Note(now, report.blocks);
  report.rows_per_s = static_cast<std::int64_t>(rows_.PerSecond());
  report.left = blocks_.Left(report.all_blocks);
  if (pauses_.reason()) report.waits_for = pauses_.reason()->text;
  job_.progress(report);
}

}  // namespace backfill
