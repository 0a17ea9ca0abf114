#pragma once

#include <chrono>
#include <thread>

namespace base {

// Lets a loop work for a share of its time, so that the machine is there for others in the rest of it.
class Share {
 public:
  using Clock = std::chrono::steady_clock;
  // Above 0; 1 never rests.
  explicit Share(double share) : share_(share) {}

  [[nodiscard]] Clock::duration After(Clock::duration work) const {
    return std::chrono::duration_cast<Clock::duration>(work * (1 / share_ - 1));
  }
  // Called between two small pieces of work: rests once enough of them were done.
  void Rest() {
    if (share_ >= 1) return;
    const auto worked = Clock::now() - began_;
    if (worked < kEnough) return;
    std::this_thread::sleep_for(After(worked));
    began_ = Clock::now();
  }

 private:
  static constexpr std::chrono::milliseconds kEnough{20};
  const double share_;
  Clock::time_point began_ = Clock::now();
};

}  // namespace base
