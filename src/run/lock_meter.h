#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "pg/lock_watch.h"

namespace run {

// Which locks a step's transaction really had, and for how long: asked of the server after each of its statements.
class LockMeter {
 public:
  explicit LockMeter(pg::ConnectOptions options) : options_(std::move(options)) {}
  // Before a statement: what it locks is held from now on at the longest.
  void Mark() { mark_ = std::chrono::steady_clock::now(); }
  // After it.
  void Sample(pg::Connection& connection);
  // After the end of the transaction: [{relation, mode, wait_ms, hold_ms}], strongest mode of each relation; what was
  // waited for that is no table has a relation of null.
  [[nodiscard]] base::Json Report(const pg::Waits& waits) const;

 private:
  struct Held {
    std::string mode;
    int strength = 0;
    std::chrono::steady_clock::time_point since;
  };
  // Of a table that the transaction has dropped: only others still see it.
  std::string NameOf(const std::string& oid);

  pg::ConnectOptions options_;
  std::optional<pg::Connection> other_;
  std::chrono::steady_clock::time_point mark_ = std::chrono::steady_clock::now();
  std::map<std::string, Held> held_;
};

}  // namespace run
