#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include "backfill/backfill.h"

namespace backfill {

// A stretch of blocks of one leaf, with a cursor of its own.
struct Part {
  pg::QualifiedName leaf;
  std::int64_t part = 0;
  std::int64_t next = 0;
  std::int64_t end = 0;
};

// One pass over the parts, by several threads with a connection each.
class Workers {
 public:
  Workers(const Job& job, std::vector<Part> parts);
  // Rows filled. Throws what the first thread to fail threw, when all have ended.
  std::int64_t Run(int threads);

 private:
  void Work();
  void WorkOn(pg::Connection& connection, Part part);
  std::int64_t Batch(pg::Connection& connection, const Part& part, std::int64_t to);
  bool Take(Part& part);
  void Count(std::int64_t rows, std::int64_t blocks);
  [[nodiscard]] bool Ended();

  const Job& job_;
  std::mutex mutex_;  // all below
  std::vector<Part> parts_;
  std::exception_ptr failure_;
  std::int64_t rows_ = 0;
  std::int64_t blocks_ = 0;
  std::int64_t all_blocks_ = 0;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point told_;
};

}  // namespace backfill
