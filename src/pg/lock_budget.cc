#include "pg/lock_budget.h"

#include <algorithm>
#include <thread>

namespace pg {

using std::chrono::milliseconds;

LockBudget::LockBudget(milliseconds allowed, milliseconds window) : allowed_(allowed), window_(window) {}

LockBudget::Clock::duration LockBudget::SpentBefore(Clock::time_point now) const {
  Clock::duration spent{0};
  for (const Wait& wait : waits_) {
    spent += std::max(wait.end - std::max(wait.begin, now - window_), Clock::duration(0));
  }
  return spent;
}

// A window that ends within the attempt has no more of the waits before it than the one that ends at its beginning.
milliseconds LockBudget::Room(Clock::time_point now) const {
  const std::scoped_lock lock(mutex_);
  return std::max(std::chrono::floor<milliseconds>(allowed_ - SpentBefore(now)), milliseconds(0));
}

milliseconds LockBudget::Until(milliseconds wanted, Clock::time_point now) const {
  const std::scoped_lock lock(mutex_);
  Clock::duration excess = SpentBefore(now) - (allowed_ - std::min(wanted, allowed_));
  if (excess <= Clock::duration(0)) return milliseconds(0);
  for (const Wait& wait : waits_) {
    const Clock::time_point begin = std::max(wait.begin, now - window_);
    const Clock::duration length = wait.end - begin;
    if (length <= Clock::duration(0)) continue;
    if (length >= excess) return std::chrono::ceil<milliseconds>(begin + excess + window_ - now);
    excess -= length;
  }
  return window_;
}

void LockBudget::Spend(milliseconds waited, Clock::time_point end) {
  const std::scoped_lock lock(mutex_);
  while (!waits_.empty() && waits_.front().end + window_ < end) waits_.pop_front();
  if (waited.count() > 0) waits_.push_back({end - waited, end});
}

milliseconds AwaitRoom(const LockBudget& budget, milliseconds wanted, const std::function<void(milliseconds)>& tell,
                       const std::function<void()>& stop) {
  constexpr milliseconds kStep{50};
  bool told = false;
  for (;;) {
    const auto now = LockBudget::Clock::now();
    const milliseconds left = budget.Until(wanted, now);
    if (left.count() == 0) return budget.Room(now);
    if (!told) tell(left);
    told = true;
    stop();
    std::this_thread::sleep_for(std::min(left, kStep));
  }
}

}  // namespace pg
