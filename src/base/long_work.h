#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace base {

// How fast something goes now, over a window that moves along: what it did before a pause, or while all was in memory
// yet, says nothing about the rest. Pure.
class MovingRate {
 public:
  using Clock = std::chrono::steady_clock;
  explicit MovingRate(Clock::duration window) : window_(window) {}

  void Note(Clock::time_point at, std::int64_t done);
  [[nodiscard]] double PerSecond() const;
  // Until so much is done; nothing: it stands still, or it is not known yet.
  [[nodiscard]] std::optional<std::chrono::milliseconds> Left(std::int64_t of) const;

 private:
  struct Mark {
    Clock::time_point at;
    std::int64_t done = 0;
  };
  Clock::duration window_;
  std::deque<Mark> marks_;
};

// Says how far something has come that takes long: a line of the log every ten seconds, and one when it is done, where
// it took so long at all. It does so from a thread of its own, also while the work waits for a single statement.
class LongWork {
 public:
  enum class Unit { kNone, kRows, kBytes };
  struct Reached {
    std::int64_t done = 0;
    std::int64_t of = 0;    // 0: not known
    bool estimate = false;  // `of` is one
    std::string more = {};  // what else there is to say
  };
  struct Options {
    Unit unit = Unit::kNone;
    // Asked ten times for a line, from that thread. Where it throws, or has nothing, what At() said is told.
    std::function<std::optional<Reached>()> look = {};
    // Takes a line, from that thread or, of the last one, from the one that ends it; empty: the log does.
    std::function<void(const std::string&)> tell = {};
    bool says_done = true;  // the last line
  };

  // `what` it does, as a line begins: "reading the stream".
  explicit LongWork(std::string what);
  LongWork(std::string what, Options options);
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;
  // Where an exception ends the work, no last line.
  ~LongWork();

  // From the thread that works, as often as it likes.
  void At(std::int64_t done, std::int64_t of = 0);
  // It does something else now.
  void Next(std::string what);

  // "120000 of about 2000000 rows, 8000 rows a second; about 4 min left". Pure.
  static std::string Text(Unit unit, const Reached& reached, const MovingRate& rate);

  // For tests: the time between two lines, of all that are made later.
  static void TellEvery(std::chrono::milliseconds every);

 private:
  void Run(const std::stop_token& stop);
  void Sample();
  void TellNow(bool last);

  std::mutex mutex_;  // all below, but for what is atomic
  std::condition_variable_any wake_;
  std::string what_;
  const Options options_;
  std::optional<Reached> reached_;
  MovingRate rate_;
  const std::chrono::steady_clock::time_point began_;
  const int exceptions_;
  bool told_ = false;
  std::atomic<std::int64_t> done_ = -1;  // below 0: nothing is counted
  std::atomic<std::int64_t> of_ = 0;
  std::jthread thread_;  // the last one, so that it ends first
};

}  // namespace base
