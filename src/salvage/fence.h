#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "pg/lock_watch.h"
#include "pg/lsn.h"

// The end of the applications' writes to a database, for a cut-over to another server.
//
// A trigger on each of their tables refuses every INSERT, UPDATE, DELETE and TRUNCATE with SQLSTATE 25006: also those
// of superusers, of sessions that are open already, and of those that set their transaction to READ WRITE or
// session_replication_role to replica. (A setting of the database would be a default, which any session may set back;
// a limit to its connections binds no superuser, and would bind this program and the reader of the slot.) Reads go on,
// and so do the reader of the slot, the journal in schema switchback, and sequences.
//
// The lock under which a trigger is made is not given while a transaction that has written to the table is open. So
// when the last one is made, what is committed is all there will be. Tables that nobody has locked are fenced first, by
// one statement for all of them; the others take their turns. An application's transaction that meets both a fenced
// table and one that is not yet is refused as a whole. Sessions are not ended, unless they stand in the way and it was
// asked for.
namespace salvage {

// And whether who stands in the way is ended.
struct Patience : pg::LockPatience {
  std::optional<std::chrono::milliseconds> end_after = std::nullopt;  // those in their transaction for so long
};

struct Fence {
  pg::Lsn lsn = {};                        // what applications committed to fenced tables committed before it
  std::int64_t tables = 0;                 // that are fenced, partitions by themselves
  std::vector<std::string> open = {};      // tables of others, which this role cannot fence; no stream has them either
  base::Json ended = base::Json::array();  // sessions that stood in the way, as pg::Waits has them
};
base::Json ToJson(const Fence& fence);

// Needs no more than the role that makes releases has: it acts for the owners of the tables. Where it fails, what it
// made is lifted again, or the error's context says so; a crash leaves a part of the fence, or the whole one, until it
// is raised again or lifted. Throws kStepRefused where a subscription writes (its workers fire no such triggers),
// kLockTimeout and kDeadlock with who stands in the way (a prepared transaction that is older than lock_timeout: before
// anything is fenced), kPrivilege.
Fence RaiseFence(pg::Connection& old_server, const Patience& patience);

// How a fence stands at this moment, whoever raised it; without one, all is empty.
struct FenceNow {
  std::int64_t tables = 0;             // that are fenced
  std::vector<std::string> open = {};  // tables that are not: of others, or made or opened since
};
FenceNow LookAtFence(pg::Connection& server);

// Gives how many tables were fenced; 0: no fence stood. A crash leaves a part of the fence. Throws kLockTimeout and
// kDeadlock.
std::int64_t LiftFence(pg::Connection& old_server, const Patience& patience);

}  // namespace salvage
