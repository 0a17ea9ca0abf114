#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "pg/lock_watch.h"

namespace pg {

// Which locks a transaction really had, and for how long: asked of the server after its statements.
class LockMeter {
 public:
  explicit LockMeter(ConnectOptions options) : options_(std::move(options)) {}
  // `watch`, which outlives it, sees a transaction that may wait for `room` altogether.
  LockMeter(ConnectOptions options, LockWatch& watch, std::chrono::milliseconds room)
      : options_(std::move(options)), watch_(&watch), room_(room) {}
  // How much longer it may wait for locks.
  [[nodiscard]] std::chrono::milliseconds Left() const;
  // Before a statement: what it locks is held from now on at the longest.
  void Mark() { mark_ = std::chrono::steady_clock::now(); }
  // After it.
  void Sample(Connection& connection);
  // After the end of the transaction: [{relation, mode, wait_ms, hold_ms}], strongest mode of each relation; what was
  // waited for that is no table has a relation of null.
  [[nodiscard]] base::Json Report(const Waits& waits) const;

 private:
  struct Held {
    std::string mode;
    int strength = 0;
    std::chrono::steady_clock::time_point since;
  };
  // Of a table that the transaction has dropped: only others still see it.
  std::string NameOf(const std::string& oid);

  ConnectOptions options_;
  LockWatch* watch_ = nullptr;
  std::chrono::milliseconds room_ = std::chrono::milliseconds::max();
  std::optional<Connection> other_;
  std::chrono::steady_clock::time_point mark_ = std::chrono::steady_clock::now();
  std::map<std::string, Held> held_;
};

// Of several transactions: of each table the entry that was held longest. Threads: safe from any.
class LongestLocks {
 public:
  void Add(const base::Json& report);
  [[nodiscard]] base::Json List() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, base::Json> by_relation_;
};

}  // namespace pg
