#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/share.h"

// How much a batch takes, and how many rows a second.
namespace backfill {

// The size of one worker's batches. A batch holds the locks of its rows until it commits, so the next one is predicted
// from what rows cost and the densest block seen so far, as if all its rows were pending: a stretch without pending
// rows never makes the batch after it long. The price of a row falls by and by, and at most doubles from one batch to
// the next.
class Pace {
 public:
  // `target`: what a batch is to take. `rows_per_block`: an estimate; 0: not known.
  explicit Pace(std::chrono::microseconds target, double rows_per_block = 0);

  // Blocks of the next batch: 128 at first, at most twice those of the last one.
  [[nodiscard]] std::int64_t Blocks() const;
  void Took(std::int64_t blocks, std::int64_t rows, std::chrono::microseconds took);
  // A batch of that size was given up, because it took too long or met a lock.
  void GaveUp(std::int64_t blocks);
  // Another relation has other rows.
  void Enter(double rows_per_block);
  // At most so many rows in a batch.
  void Limit(double rows);

 private:
  double target_us_;
  double density_ = 0;  // rows in a block
  double row_us_;       // of a pending row
  bool measured_ = false;
  double block_us_ = 0;  // of a block without pending rows
  double rows_max_ = 0;  // 0: no limit
  std::int64_t grown_;
};

// Spreads the rows of all workers over time. Threads: safe from any.
class Rate {
 public:
  using Clock = std::chrono::steady_clock;
  // `rows_per_s`: of all workers together, 0: no limit. `share`: of its time in which each works, above 0, at most 1. A
  // server that gets slower gets longer rests by it, which no fixed number of rows gives it.
  Rate(std::int64_t rows_per_s, double share) : rows_per_s_(rows_per_s), share_(share) {}
  // A batch filled the rows and ended now: when this worker's next one may begin.
  Clock::time_point After(std::int64_t rows, Clock::duration took, Clock::time_point now);

 private:
  const std::int64_t rows_per_s_;
  const base::Share share_;
  std::mutex mutex_;
  Clock::time_point next_{};
};

}  // namespace backfill
