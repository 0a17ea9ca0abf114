#include "backfill/workers.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "backfill/sql_text.h"
#include "backfill/statements.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/time.h"
#include "pg/transaction.h"

namespace backfill {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kFirstBlocks = 128;
constexpr std::int64_t kMostBlocks = 8192;
constexpr milliseconds kTarget{200};  // of a batch: that long its row locks are held
constexpr int kAttempts = 20;

std::int64_t Adapted(std::int64_t blocks, milliseconds took) {
  if (took < kTarget / 2) return std::min(blocks * 2, kMostBlocks);
  if (took > kTarget * 2) return std::max<std::int64_t>(blocks / 2, 1);
  return blocks;
}

std::string Tid(std::int64_t block) { return fmt::format("({},0)", block); }

}  // namespace

Workers::Workers(const Job& job, std::vector<Part> parts)
    : job_(job), parts_(std::move(parts)), began_(Clock::now()), told_(began_) {
  for (const Part& part : parts_) all_blocks_ += part.end - part.next;
}

std::int64_t Workers::Run(int threads) {
  {
    std::vector<std::jthread> running;
    const auto useful = std::min(static_cast<std::size_t>(threads), parts_.size());
    for (std::size_t i = 0; i < useful; ++i) running.emplace_back([this] { Work(); });
  }
  if (failure_) std::rethrow_exception(failure_);
  return rows_;
}

bool Workers::Take(Part& part) {
  const std::scoped_lock lock(mutex_);
  if (parts_.empty() || failure_) return false;
  part = parts_.back();
  parts_.pop_back();
  return true;
}

bool Workers::Ended() {
  const std::scoped_lock lock(mutex_);
  return failure_ != nullptr;
}

void Workers::Work() {
  try {
    auto connection = pg::Connection::Open(job_.connect);
    for (Part part; Take(part);) WorkOn(connection, part);
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void Workers::WorkOn(pg::Connection& connection, Part part) {
  std::int64_t blocks = kFirstBlocks;
  for (int attempt = 1; part.next < part.end && !Ended();) {
    if (job_.stop != nullptr && *job_.stop) {
      throw base::Error(base::Code::kInterrupted,
                        fmt::format("the backfill of {} was interrupted", job_.backfill.table.Text()));
    }
    const std::int64_t to = std::min(part.next + blocks, part.end);
    const auto began = Clock::now();
    try {
      const std::int64_t rows = Batch(connection, part, to);
      Count(rows, to - part.next);
      part.next = to;
      attempt = 1;
      blocks = Adapted(blocks, std::chrono::duration_cast<milliseconds>(Clock::now() - began));
    } catch (const base::Error& error) {
      const bool waits = error.code() == base::Code::kLockTimeout || error.code() == base::Code::kDeadlock;
      if (!waits || ++attempt > kAttempts) throw;
      blocks = std::max<std::int64_t>(blocks / 2, 1);
      std::this_thread::sleep_for(milliseconds(50) * attempt);
    }
  }
}

std::int64_t Workers::Batch(pg::Connection& connection, const Part& part, std::int64_t to) {
  pg::Transaction transaction(connection);
  job_.begin(connection);
  // A lost batch is found pending again, so nobody waits for the disk.
  connection.Exec(
      fmt::format("SET LOCAL lock_timeout = {}; SET LOCAL synchronous_commit = off; SET LOCAL switchback.bypass = 'on'",
                  job_.lock_timeout.count()));
  connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)",
                   {job_.search_path.empty() ? "pg_catalog, pg_temp" : job_.search_path});
  const std::int64_t rows =
      connection.Query(BatchSql(job_.backfill, part.leaf.Sql()), {Tid(part.next), Tid(to), job_.release}).Int(0, 0);
  connection.Query(
      std::string(sql_text::kMoveCursor),
      {job_.release, job_.step, part.leaf.Text(), std::to_string(part.part), std::to_string(to), std::to_string(rows)});
  base::Failpoint(base::FailpointId::kBackfillBatch);
  transaction.Commit();
  base::Failpoint(base::FailpointId::kBackfillAfterBatch);
  return rows;
}

void Workers::Count(std::int64_t rows, std::int64_t blocks) {
  const std::scoped_lock lock(mutex_);
  rows_ += rows;
  blocks_ += blocks;
  const auto now = Clock::now();
  if (!job_.progress || now - told_ < std::chrono::seconds(1)) return;
  told_ = now;
  const auto took = std::chrono::duration_cast<milliseconds>(now - began_);
  const auto left = took * (all_blocks_ - blocks_) / std::max<std::int64_t>(blocks_, 1);
  job_.progress(fmt::format("{} rows filled, {} a second, {} % of {}; about {} left", rows_,
                            rows_ * 1000 / std::max<std::int64_t>(took.count(), 1),
                            blocks_ * 100 / std::max<std::int64_t>(all_blocks_, 1), job_.backfill.table.Text(),
                            base::FormatDuration(left)));
}

}  // namespace backfill
