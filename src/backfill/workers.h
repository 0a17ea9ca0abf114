#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backfill/backfill.h"
#include "backfill/pace.h"
#include "pg/lock_meter.h"

namespace backfill {

// A stretch of blocks of one leaf, with a cursor of its own.
struct Part {
  pg::QualifiedName leaf;
  std::int64_t part = 0;
  std::int64_t next = 0;
  std::int64_t end = 0;
  double rows_per_block = 0;  // an estimate; 0: not known
};

// Which pending rows a pass takes. The first one takes those whose column is NULL, which is cheaper, and leaves those
// that an application has locked to the next.
enum class Take { kEmpty, kAll };

// One pass over the parts, by several threads with a connection each.
class Workers {
 public:
  Workers(const Job& job, std::vector<Part> parts, Take take, bool skip_triggers, Rate& rate, pg::LongestLocks& locks);
  ~Workers();  // ends them between two batches
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void Start(int threads);
  // True once all have ended.
  bool Wait(std::chrono::milliseconds time);
  // Throws what the first thread to fail threw, after telling job.blocked who was in its way. After Wait.
  void Finish();
  // Held back between two batches, or let go.
  void Hold(bool held) { held_ = held; }

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t blocks() const { return blocks_; }
  [[nodiscard]] std::vector<int> Pids();

 private:
  struct Way {
    bool unlocked = false;                  // leaves out rows that are locked
    bool unlimited = false;                 // as long as it takes
    std::chrono::milliseconds longest{-1};  // batch of this part: what a longer one locks is measured
  };
  void Work();
  void WorkOn(pg::Connection& connection, Pace& pace, Part part);
  std::int64_t Batch(pg::Connection& connection, const Part& part, std::int64_t to, Way& way);
  bool Next(Part& part);
  void WaitUntil(std::chrono::steady_clock::time_point time);
  void StopIfAsked();

  const Job& job_;
  const Take take_;
  const bool skip_triggers_;
  Rate& rate_;
  pg::LongestLocks& locks_;
  int threads_ = 0;
  std::atomic<bool> held_ = false;
  std::atomic<bool> ended_ = false;  // by a failure, or because nobody waits for the pass any more
  std::atomic<std::int64_t> rows_ = 0;
  std::atomic<std::int64_t> blocks_ = 0;
  std::mutex mutex_;  // all below
  std::condition_variable changed_;
  int working_ = 0;
  std::vector<Part> parts_;
  std::vector<int> pids_;
  std::exception_ptr failure_;
  base::Json blockers_ = base::Json::array();
  std::vector<std::jthread> running_;
};

}  // namespace backfill
