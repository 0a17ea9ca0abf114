#include "backfill/workers.h"

#include <fmt/core.h>

#include <algorithm>

#include "backfill/sql_text.h"
#include "backfill/statements.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "pg/transaction.h"
#include "pg/victim.h"

namespace backfill {
namespace {

using Clock = std::chrono::steady_clock;
using base::Code;
using std::chrono::milliseconds;

constexpr milliseconds kLongest{450};  // of a batch: that long its row locks may be held
constexpr milliseconds kBrief{100};    // for a lock, where the row may be left to the next pass
constexpr milliseconds kPatient{400};
constexpr milliseconds kPoll{20};

std::string Tid(std::int64_t block) { return fmt::format("({},0)", block); }

}  // namespace

Workers::Workers(const Job& job, std::vector<Part> parts, Take take, bool skip_triggers, Rate& rate,
                 pg::LongestLocks& locks)
    : job_(job), take_(take), skip_triggers_(skip_triggers), rate_(rate), locks_(locks), parts_(std::move(parts)) {
  std::ranges::reverse(parts_);  // taken from the end
}

Workers::~Workers() { ended_ = true; }

void Workers::Start(int threads) {
  const std::scoped_lock lock(mutex_);
  threads_ = static_cast<int>(std::min(static_cast<std::size_t>(threads), parts_.size()));
  working_ = threads_;
  for (int i = 0; i < threads_; ++i) running_.emplace_back([this] { Work(); });
}

bool Workers::Wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return working_ == 0; });
}

void Workers::Finish() {
  running_.clear();
  if (!failure_) return;
  if (!blockers_.empty() && job_.blocked) job_.blocked(blockers_);
  std::rethrow_exception(failure_);
}

std::vector<int> Workers::Pids() {
  const std::scoped_lock lock(mutex_);
  return pids_;
}

bool Workers::Next(Part& part) {
  const std::scoped_lock lock(mutex_);
  if (parts_.empty() || ended_) return false;
  part = parts_.back();
  parts_.pop_back();
  return true;
}

void Workers::Work() {
  std::exception_ptr failure;
  try {
    auto connection = pg::Connection::Open(job_.connect);
    pg::BeTheVictim(connection);
    {
      const std::scoped_lock lock(mutex_);
      pids_.push_back(connection.BackendPid());
    }
    Pace pace(job_.throttle.batch);
    // A tenth of a second's rows, so that all workers together keep to the rate at short intervals.
    if (job_.rows_per_s > 0) pace.Limit(static_cast<double>(job_.rows_per_s) / (10.0 * threads_));
    for (Part part; Next(part);) WorkOn(connection, pace, part);
  } catch (...) {
    failure = std::current_exception();
    ended_ = true;
  }
  const std::scoped_lock lock(mutex_);
  if (failure && !failure_) failure_ = failure;
  --working_;
  changed_.notify_all();
}

void Workers::StopIfAsked() {
  if (!base::Asked(job_.stop)) return;
  throw base::Error(Code::kInterrupted, fmt::format("the backfill of {} was interrupted", job_.backfill.table.Text()));
}

void Workers::WaitUntil(Clock::time_point time) {
  StopIfAsked();
  while (!ended_ && (held_ || Clock::now() < time)) {
    std::this_thread::sleep_for(kPoll);
    StopIfAsked();
  }
}

void Workers::WorkOn(pg::Connection& connection, Pace& pace, Part part) {
  pace.Enter(part.rows_per_block);
  Way way;
  int attempt = 1;
  for (auto first = Clock::now(); part.next < part.end;) {
    WaitUntil(Clock::now());
    if (ended_) return;
    const std::int64_t to = std::min(part.next + pace.Blocks(), part.end);
    const std::int64_t blocks = to - part.next;
    std::optional<pg::LockWatch> watch;
    if (attempt > 1) watch.emplace(job_.connect, connection.BackendPid());
    const auto began = Clock::now();
    if (attempt == 1) first = began;
    try {
      const std::int64_t rows = Batch(connection, part, to, way);
      const auto now = Clock::now();
      pace.Took(blocks, rows, std::chrono::duration_cast<std::chrono::microseconds>(now - began));
      rows_ += rows;
      blocks_ += blocks;
      part.next = to;
      attempt = 1;
      way = {.longest = way.longest};
      WaitUntil(rate_.After(rows, now - began, now));
    } catch (const base::Error& error) {
      pace.GaveUp(blocks);
      if (error.code() == Code::kDeadline && !way.unlimited) {
        way.unlimited = blocks == 1;
        continue;
      }
      if (error.code() != Code::kLockTimeout && error.code() != Code::kDeadlock) throw;
      if (take_ == Take::kEmpty && !way.unlocked) {
        way.unlocked = true;
        continue;
      }
      if (watch && Clock::now() - first > job_.lock_timeout) {
        const std::scoped_lock guard(mutex_);
        blockers_ = watch->Finish().blockers;
        throw;
      }
      WaitUntil(Clock::now() + milliseconds(50) * attempt++);
    }
  }
}

std::int64_t Workers::Batch(pg::Connection& connection, const Part& part, std::int64_t to, Way& way) {
  const std::string leaf = part.leaf.Sql();
  const milliseconds lock = std::min(job_.lock_timeout, take_ == Take::kEmpty ? kBrief : kPatient);
  pg::LockMeter meter(job_.connect);
  const auto began = Clock::now();
  const auto took = [&] { return std::chrono::duration_cast<milliseconds>(Clock::now() - began); };
  pg::Transaction transaction(connection);
  job_.begin(connection);
  // A lost batch is found pending again, so nobody waits for the disk. Rows that a policy hides must not be passed
  // over.
  connection.Exec(
      fmt::format("SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; SET LOCAL synchronous_commit = off; "
                  "SET LOCAL row_security = off; SET LOCAL switchback.bypass = 'on'; {}"
                  "SELECT pg_catalog.set_config('search_path', {}, true)",
                  lock.count(), way.unlimited ? 0 : kLongest.count(),
                  skip_triggers_ ? "SET LOCAL session_replication_role = replica; " : "",
                  pg::Literal(job_.search_path.empty() ? "pg_catalog, pg_temp" : job_.search_path)));
  const std::string from = Tid(part.next);
  std::int64_t rows = 0;
  if (take_ == Take::kAll) {
    rows = connection.Query(ReplaceSql(job_.backfill, leaf), {from, Tid(to), job_.release}).Int(0, 0);
  } else {
    const std::string sql = way.unlocked ? FillUnlockedSql(job_.backfill, leaf) : FillSql(job_.backfill, leaf);
    rows = connection.Query(sql, {from, Tid(to)}).affected();
  }
  connection.Query(
      std::string(sql_text::kMoveCursor),
      {job_.release, job_.step, part.leaf.Text(), std::to_string(part.part), std::to_string(to), std::to_string(rows)});
  const bool longest = took() > way.longest;
  if (longest) meter.Sample(connection);
  base::Failpoint(base::FailpointId::kBackfillBatch);
  transaction.Commit();
  if (longest) {
    way.longest = took();
    locks_.Add(meter.Report({}));
  }
  base::Failpoint(base::FailpointId::kBackfillAfterBatch);
  return rows;
}

}  // namespace backfill
