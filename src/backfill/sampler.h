#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backfill/backfill.h"
#include "backfill/throttle.h"

namespace backfill {

// Measures what holds a backfill back, over a connection of its own. Only what has a limit is measured; what cannot be
// is absent from the facts and named once as a warning. A query that fails makes its own fact unknown, no other.
class Sampler {
 public:
  explicit Sampler(const Job& job);
  // `pids`: the backfill's sessions. Throws kConnectionLost, kUnreachable.
  Facts Sample(const std::vector<int>& pids);

 private:
  void Try(const std::string& fact, const std::function<void()>& measure);
  void Unknown(const std::string& fact, const std::string& why);
  void Replicas(Facts& facts);
  void Archive(Facts& facts);
  void Slot(Facts& facts);
  void Sessions(Facts& facts, const std::vector<int>& pids);
  void Disk(Facts& facts);
  void Latency(Facts& facts);
  void Probe(Facts& facts);
  void Statements(Facts& facts);
  void Growth(Facts& facts, const std::vector<int>& pids);

  const Job& job_;
  const release::Throttle& limits_;
  pg::Connection connection_;
  bool sees_sessions_ = false;
  bool sees_archive_ = false;
  bool same_machine_ = false;
  std::string statements_;                           // schema of pg_stat_statements, quoted; empty: not installed
  std::optional<std::pair<double, double>> before_;  // its total time and calls
  std::vector<std::string> unknown_;
};

}  // namespace backfill
