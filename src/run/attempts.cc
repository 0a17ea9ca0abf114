#include "run/attempts.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/time.h"
#include "pg/lock_meter.h"
#include "pg/lock_watch.h"
#include "run/runner.h"

namespace run {

using base::Code;
using journal::Direction;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

bool IsTransient(Code code) { return code == Code::kLockTimeout || code == Code::kDeadlock; }

pg::LockWatch::Of WatchOf(const plan::Step& step, Direction direction) {
  const bool fills = step.kind == plan::StepKind::kBackfill;
  if (fills && direction == Direction::kForward) return pg::LockWatch::Of::kIdle;
  return fills || step.transactional ? pg::LockWatch::Of::kTransaction : pg::LockWatch::Of::kConcurrent;
}

// A pause after which those that were in the way may be old enough to be ended.
constexpr milliseconds kLongPause{500};

base::Json Aged(base::Json blockers, Clock::duration by) {
  for (base::Json& blocker : blockers) {
    base::Json& age = blocker.at("transaction_age_ms");
    if (age.is_number()) age = age.get<std::int64_t>() + std::chrono::duration_cast<milliseconds>(by).count();
  }
  return blockers;
}

}  // namespace

std::string What(const plan::Step& step, Direction direction) {
  return direction == Direction::kForward ? fmt::format("step {} ({})", step.id, step.title)
                                          : fmt::format("the way back of step {} ({})", step.id, step.title);
}

milliseconds Runner::AwaitRoom(std::size_t index, Direction direction, const pg::Waits& waits) const {
  const plan::Step& step = session_.plan.steps[index];
  // The others wait with locks that no application's statement queues behind.
  if (WatchOf(step, direction) != pg::LockWatch::Of::kTransaction) return milliseconds::max();
  const pg::LockBudget& budget = *connect_.lock_budget;
  return pg::AwaitRoom(
      budget, session_.limits.lock_timeout,
      [&](milliseconds wait) {
        Tell(Progress::What::kWaits, index, direction, pg::NoRoomText(budget, wait, waits.blockers));
      },
      [this] { StopIfAsked(); });
}

bool Runner::LeftNothing(const plan::Step& step, Direction direction) const {
  return journal::InOneTransaction(step, direction) || cleaned_;
}

Done Runner::Attempts(std::size_t index, Direction direction, std::int64_t intent) {
  const plan::Step& step = session_.plan.steps[index];
  const auto began = Clock::now();
  const auto& patience = session_.limits.terminate_blockers_after;
  pg::Waits waits;
  for (int attempt = 1;; ++attempt) {
    const auto before = Clock::now();
    const milliseconds room = AwaitRoom(index, direction, waits);
    const auto now = Clock::now();
    // Whoever held the lock and is still in that transaction holds it still.
    if (patience && now - began >= *patience && now - before >= kLongPause) {
      EndBlockers(step, direction, intent, Aged(waits.blockers, now - before));
    }
    pg::LockWatch watch(connect_, connection_.BackendPid(), WatchOf(step, direction));
    frozen_reserve_ = std::min(kFrozen, room / 2);
    idle_limit_ = connect_.idle_in_transaction;
    pg::LockMeter meter(connect_, watch, room - frozen_reserve_);
    const auto spend = [&] {
      if (room < milliseconds::max()) connect_.lock_budget->Spend(watch.Waited(), Clock::now());
    };
    std::string reason;
    cleaned_ = false;
    blocked_ = base::Json::array();
    try {
      Done done = Attempt(step, direction, intent, meter, watch);
      spend();
      for (base::Json& lock : meter.Report(watch.Finish())) done.locks.push_back(std::move(lock));
      return done;
    } catch (const base::Error& error) {
      spend();
      if (!IsTransient(error.code())) throw;
      reason = error.message();
    }
    waits = watch.Finish();
    if (waits.blockers.empty()) waits.blockers = blocked_;
    const auto waited = Clock::now() - began;
    const bool ended = patience && waited >= *patience && EndBlockers(step, direction, intent, waits.blockers);
    // Two attempts more, for a transaction that was too young at the first.
    const bool patient = patience && waited < *patience + 2 * session_.limits.lock_timeout;
    if (attempt > session_.limits.lock_retries && !patient && !ended) GiveUp(index, direction, waits, attempt);
    session_.journal.Append("retry", {{"step", step.id},
                                      {"direction", journal::Name(direction)},
                                      {"intent", intent},
                                      {"attempt", attempt},
                                      {"reason", reason},
                                      {"blockers", waits.blockers}});
    Tell(Progress::What::kRetries, index, direction,
         fmt::format("attempt {} of {}: {}{}{}", attempt, session_.limits.lock_retries + 1, reason,
                     waits.blockers.empty() ? "" : "\n", pg::BlockersText(waits.blockers)));
    if (ended) waits.blockers = base::Json::array();
    for (auto left = pg::RetryPause(attempt); left.count() > 0; left -= milliseconds(50)) {
      StopIfAsked();
      std::this_thread::sleep_for(std::min(left, milliseconds(50)));
    }
  }
}

// True: one was ended at least.
bool Runner::EndBlockers(const plan::Step& step, Direction direction, std::int64_t intent, const base::Json& blockers) {
  const milliseconds after = *session_.limits.terminate_blockers_after;
  const base::Json chosen = pg::Endable(blockers, connect_.application_name, after);
  if (chosen.empty()) return false;
  session_.journal.Append("ended", {{"step", step.id},
                                    {"direction", journal::Name(direction)},
                                    {"intent", intent},
                                    {"after_ms", after.count()},
                                    {"sessions", chosen}});
  const base::Json ended = pg::EndSessions(connect_, chosen);
  const auto index = static_cast<std::size_t>(&step - session_.plan.steps.data());
  if (!ended.empty()) {
    Tell(Progress::What::kRetries, index, direction,
         fmt::format("ended, as --terminate-blockers-after asked:\n{}", pg::BlockersText(ended)));
  }
  return !ended.empty();
}

void Runner::GiveUp(std::size_t index, Direction direction, const pg::Waits& waits, int attempts) {
  const plan::Step& step = session_.plan.steps[index];
  const std::string blockers = pg::BlockersText(waits.blockers);
  const bool nothing = LeftNothing(step, direction);
  auto error = base::Error(Code::kLockGivenUp, fmt::format("{} did not get its lock in {} attempt{}",
                                                           What(step, direction), attempts, attempts == 1 ? "" : "s"))
                   .Detail(blockers.empty() ? "no blocker was seen" : blockers)
                   .TargetChanged(nothing ? base::Changed::kNo : base::Changed::kYes);
  session_.journal.Append("failed", {{"step", step.id},
                                     {"direction", journal::Name(direction)},
                                     {"rolled_back", nothing},
                                     {"error", error.ToJson()},
                                     {"blockers", waits.blockers}});
  throw error;
}

}  // namespace run
