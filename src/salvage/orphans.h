#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "salvage/apply.h"
#include "salvage/target.h"

// Foreign keys, which are not looked at while rows are written.
namespace salvage {

// Looks, in the foreign keys out of the tables and into them, for rows that refer to nothing, and takes back what
// salvage did that brought it about: to the row that refers, else to the one that it referred to. Each is a conflict,
// and so is a row that is left because salvage did neither, or the server refuses the row as it was. `done` is what
// came of each table, and is changed with it. One transaction: a crash leaves all or nothing, and another call changes
// nothing. Gives how many of these conflicts are not decided.
std::int64_t TakeBackOrphans(pg::Connection& restored, const Targets& targets, const std::vector<std::int64_t>& tables,
                             std::map<std::int64_t, TableOutcome>& done);

// The decisions, by their conflicts, whose effects leave a row that refers to nothing, with what to say of them: those
// about the rows that refer, and only where a foreign key has none of them, those about what was referred to. Looks at
// the foreign keys out of the tables and into them.
std::map<std::int64_t, std::string> OrphansOfDecisions(pg::Connection& restored, const Targets& targets,
                                                       const std::vector<std::int64_t>& tables);

}  // namespace salvage
