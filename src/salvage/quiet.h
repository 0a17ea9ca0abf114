#pragma once

#include <set>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "salvage/target.h"

namespace salvage {

// Event triggers of users that are ENABLE ALWAYS or REPLICA, and would fire for what a salvage makes for itself.
struct EventTriggers {
  std::vector<std::string> off;   // statements
  std::vector<std::string> back;  // to the state that they had
  std::vector<std::string> loud;  // those that this role may not alter, by name
};
EventTriggers ReadEventTriggers(pg::Connection& restored);

// DDL of a salvage's own, in a transaction of its own: no event trigger fires that can be kept from it.
void ExecQuietly(pg::Connection& restored, const std::string& sql);

// While it stands, writes to the tables fire no trigger and no rule of users, those that are ENABLE ALWAYS or REPLICA
// among them, DDL fires no event trigger, and unique and exclusion constraints that are deferrable are looked at with
// each statement: in a session with session_replication_role = replica they would not be at all. Inside a transaction:
// a rollback, or a crash, ends it too.
class Quiet {
 public:
  explicit Quiet(pg::Connection& restored) : restored_(restored) {}
  // Once for each table, before the first write to it. Throws kPrivilege.
  void Add(const Table& table);
  // Before COMMIT: all is as it was.
  void End();

 private:
  pg::Connection& restored_;
  std::set<std::int64_t> tables_;
  std::vector<std::string> back_;
  EventTriggers events_;
};

}  // namespace salvage
