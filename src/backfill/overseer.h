#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "backfill/backfill.h"
#include "backfill/pauses.h"
#include "backfill/sampler.h"
#include "backfill/workers.h"
#include "base/long_work.h"

namespace backfill {

// Stands over the workers of each pass: measures, holds them back, tells how far they are.
class Overseer {
 public:
  Overseer(const Job& job, pg::Connection& connection);

  // Runs a pass to its end. Throws what a worker threw, and kBackfillHeld.
  void Watch(Workers& workers, int threads);

 private:
  using Clock = std::chrono::steady_clock;
  void Oversee(Workers& workers, int threads);
  void Measure(Workers& workers);
  void StoreState();
  void Tell(const Workers& workers);

  const Job& job_;
  pg::Connection& connection_;
  Sampler sampler_;
  Pauses pauses_;
  Report before_;  // the pass
  base::MovingRate rows_;
  base::MovingRate blocks_;
};

}  // namespace backfill
