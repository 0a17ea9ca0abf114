#pragma once

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "base/json.h"
#include "pg/connection.h"

namespace run {

// What a session waited for, seen from a second one.
struct Waits {
  std::map<std::string, std::chrono::milliseconds>
      by_relation;  // qualified name, or the kind of lock where it is no relation
  base::Json blockers =
      base::Json::array();  // the last that were seen: pid, application, user, transaction_age_ms, state, query
};

// Watches one server process from a thread with a connection of its own, every 20 ms while it lives. Where that
// connection cannot be had, nothing is seen.
class LockWatch {
 public:
  LockWatch(const pg::ConnectOptions& options, int pid);
  // Ends the watch and tells what was seen; once.
  Waits Finish();

 private:
  void Watch(const std::stop_token& stop, pg::ConnectOptions options, int pid);

  Waits waits_;
  std::jthread thread_;
};

// "pid 4711 (pgbench, user app, idle in transaction for 3 min): UPDATE ..." each, and the command that ends it.
std::string BlockersText(const base::Json& blockers);

}  // namespace run
