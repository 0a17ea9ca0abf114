#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>

namespace pg {

// How long this process's requests for locks may wait: whoever comes after a request that waits queues behind it, so in
// no `window` applications wait for more than `allowed`. What is not granted is spent, whether or not anybody queued.
// Waits that are shorter than the watch's look (20 ms) may pass unseen. One attempt at a time. Pure: the time is given.
// Threads: safe from any.
class LockBudget {
 public:
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  explicit LockBudget(milliseconds allowed = std::chrono::seconds(6), milliseconds window = std::chrono::seconds(60));
  // How long an attempt that begins now may wait altogether. It never shrinks but by Spend().
  [[nodiscard]] milliseconds Room(Clock::time_point now) const;
  // How long until there is room for `wanted`, or for all that is allowed where that is less.
  [[nodiscard]] milliseconds Until(milliseconds wanted, Clock::time_point now) const;
  // An attempt that ended at `end` waited so long at most, at whatever time since it began.
  void Spend(milliseconds waited, Clock::time_point end);

  [[nodiscard]] milliseconds allowed() const { return allowed_; }
  [[nodiscard]] milliseconds window() const { return window_; }

 private:
  struct Wait {
    Clock::time_point begin;
    Clock::time_point end;
  };
  // Since the beginning of the window that ends at `now`. Caller holds the mutex.
  [[nodiscard]] Clock::duration SpentBefore(Clock::time_point now) const;

  const milliseconds allowed_;
  const milliseconds window_;
  mutable std::mutex mutex_;
  std::deque<Wait> waits_;  // oldest first; each at the end of its attempt, where it counts for longest
};

// Waits until there is room for `wanted`, and gives how long the attempt may wait altogether. `tell` is called once,
// before a wait, with how long that is at least; `stop` all the time, and may throw.
LockBudget::milliseconds AwaitRoom(const LockBudget& budget, LockBudget::milliseconds wanted,
                                   const std::function<void(LockBudget::milliseconds)>& tell,
                                   const std::function<void()>& stop);

}  // namespace pg
