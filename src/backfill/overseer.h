#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "backfill/backfill.h"
#include "backfill/pauses.h"
#include "backfill/sampler.h"
#include "backfill/workers.h"

namespace backfill {

// Stands over the workers of each pass: measures, holds them back, tells how far they are.
class Overseer {
 public:
  Overseer(const Job& job, pg::Connection& connection);

  // Runs a pass to its end. Throws what a worker threw, and kBackfillHeld.
  void Watch(Workers& workers, int threads);

 private:
  using Clock = std::chrono::steady_clock;
  struct Mark {
    Clock::time_point at;
    std::int64_t rows = 0;
    std::int64_t blocks = 0;
  };
  void Oversee(Workers& workers, int threads);
  void Measure(Workers& workers);
  void StoreState();
  void Tell(const Workers& workers);

  const Job& job_;
  pg::Connection& connection_;
  Sampler sampler_;
  Pauses pauses_;
  Report before_;  // the pass
  std::deque<Mark> marks_;
};

}  // namespace backfill
