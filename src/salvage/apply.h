#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "base/long_work.h"
#include "pg/connection.h"
#include "pg/lsn.h"
#include "salvage/target.h"

namespace salvage {

// What came of the applications' changes of one table that were staged.
struct TableOutcome {
  std::int64_t applied = 0;    // changes
  std::int64_t conflicts = 0;  // changes, of those that stand
  std::int64_t skipped = 0;    // changes of columns that the restored table does not have, and of no others
  std::int64_t inserted = 0;   // rows
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
};
base::Json ToJson(const TableOutcome& outcome);
TableOutcome OutcomeFromJson(const base::Json& json);

// Merges what is staged of the table, row by row, and writes the result: rows, conflicts and the mark of `done` in one
// transaction. A crash leaves all of it or nothing. `restored` fires no triggers of users (session_replication_role).
// Rows that the server refuses (a unique constraint, a check, a value too long) are conflicts.
// `through`: all that committed before it is staged.
TableOutcome Apply(pg::Connection& restored, const Table& table, pg::Lsn through, base::LongWork& work);

// Puts the tables back as they were restored, with no conflict left of them, for another Apply with more changes, and
// takes back what decisions did, to any table (TakeBackDecisions): one transaction for all. Throws kSalvageDone where
// the server refuses a row as it was.
void Reopen(pg::Connection& restored, const Targets& targets, const std::vector<const Table*>& tables);

}  // namespace salvage
