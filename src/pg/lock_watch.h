#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "pg/lock_budget.h"
#include "pg/quote.h"

namespace pg {

// What a session waited for, seen from a second one.
struct Waits {
  struct Held {
    std::string mode;  // as pg_locks has it
    std::chrono::milliseconds seen{0};
  };
  std::map<std::string, std::chrono::milliseconds>
      by_relation;  // qualified name, or the kind of lock where it is no relation
  // The last that were seen: pid (0: a prepared transaction), gid, application, user, transaction_age_ms, state, query,
  // backend, waits, backend_start, transaction_start.
  base::Json blockers = base::Json::array();
  // kConcurrent only, by qualified name: what it locked, strongest mode.
  std::map<std::string, Held> held;
};

// What it waits for at this moment.
struct WaitsNow {
  std::chrono::milliseconds waited{0};  // without a pause; 0: it does not wait
  base::Json blockers = base::Json::array();
  std::string index;  // how far the build of an index is: "building index, 40 % of its blocks"; empty: none is built
};

// Watches one server process from a thread with a connection of its own, until Finish(). Where that connection cannot
// be had, nothing is seen.
class LockWatch {
 public:
  enum class Of {
    kTransaction,  // 20 ms apart: its waits are as short as lock_timeout
    kConcurrent,   // 200 ms apart: a statement in no transaction, whose locks nobody else could tell
    kIdle          // 1 s apart: it mostly waits for other sessions of ours, maybe for hours
  };
  LockWatch(const ConnectOptions& options, int pid, Of of = Of::kTransaction);
  // Ends the watch and tells what was seen; once.
  Waits Finish();
  // Threads: safe from any.
  [[nodiscard]] WaitsNow Now();
  // How long it has waited altogether: what is not seen counts, but for waits between two looks, and 20 ms at the
  // beginning. Threads: safe from any.
  [[nodiscard]] std::chrono::milliseconds Waited();

 private:
  void Watch(const std::stop_token& stop, ConnectOptions options, int pid);
  void Look(Connection& connection, const std::string& process, std::chrono::milliseconds since);

  const Of of_;
  std::mutex mutex_;
  Waits waits_;
  WaitsNow now_;
  std::chrono::steady_clock::time_point looked_;
  std::chrono::steady_clock::time_point seen_ = std::chrono::steady_clock::now();  // how it was, last
  bool blind_ = true;                                                              // nothing was seen yet, or no more
  bool may_wait_ = true;                                                           // since seen_
  std::chrono::steady_clock::duration waited_{0};                                  // until then
  std::jthread thread_;
};

// "pid 4711 (pgbench, user app, idle in transaction for 3 min): UPDATE ..." each, and the command that ends it.
std::string BlockersText(const base::Json& blockers);

// Those of them that may be ended: sessions of applications, in their transaction for longer than `older_than`, that do
// not wait themselves. Never prepared transactions, workers of the server, or sessions of the application `but`. Pure.
base::Json Endable(const base::Json& blockers, const std::string& but, std::chrono::milliseconds older_than);
// Ends those that are still in the transaction in which they were seen; which ones. Throws kPrivilege.
base::Json EndSessions(const ConnectOptions& options, const base::Json& blockers);

// What stands on a table and does not give way.
struct Obstacle {
  std::string kind;   // "vacuum" (against wraparound), "prepared"
  std::string table;  // schema.name
  std::string id;     // process, or name of the prepared transaction
  std::string what;   // the vacuum's text, or the owner of the prepared transaction
  std::chrono::milliseconds age{0};
  // With its remedy.
  [[nodiscard]] std::string Text() const;
};
std::vector<Obstacle> Obstacles(Connection& connection, const std::vector<QualifiedName>& tables);

// How long one lock is waited for, holding up others, and how often.
struct LockPatience {
  std::chrono::milliseconds lock_timeout{2'000};
  int retries = 10;
  bool waits_for_room = true;  // false: gives up where the budget has none, for worse than a wait would come of it
};

// Runs `attempt` again while it ends in kLockTimeout or kDeadlock, `retries` times at most; nothing of it may be left
// when it throws, so that nobody queues behind it between two attempts. It is given how long it may wait for a lock,
// and sets that for its transaction. Where the budget of the connection's options has no room, the next attempt waits
// for it, which is told with who holds the lock; their stop token ends that with kInterrupted. Gives up with the last
// error's code, what was wanted ("the tables to lock"), and who stands in the way.
void RetryForLocks(Connection& connection, const LockPatience& patience, const std::string& wanted,
                   const std::function<void(std::chrono::milliseconds lock_timeout)>& attempt);

// Inside a transaction, and for the rest of it. At least 1 ms, for 0 would be no limit.
void SetLockTimeout(Connection& connection, std::chrono::milliseconds timeout);
// LOCK TABLE `what` ("a, b IN SHARE MODE") inside a transaction: each within the transaction's lock_timeout, all (a
// table's partitions, too) within `altogether`. Throws kLockTimeout.
void LockTables(Connection& connection, const std::string& what, std::chrono::milliseconds altogether);

// What is told before a wait for room in a budget: why, how long at least, who is in the way.
std::string NoRoomText(const LockBudget& budget, std::chrono::milliseconds wait, const base::Json& blockers);

// Between two attempts to get a lock, with jitter: 100 ms and more, 5 s at most.
std::chrono::milliseconds RetryPause(int attempt);

}  // namespace pg
