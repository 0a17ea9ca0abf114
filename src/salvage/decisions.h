#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/conflict.h"
#include "salvage/quiet.h"
#include "salvage/target.h"

// What a person decides of conflicts. It is kept on the restored server, is applied again after each later merge, and
// counts for conflicts that come later in the same place too; a {"value": ...} only for the values it was said of.
namespace salvage {

struct Decisions {
  // Of a cause or a group, which a group's name begins with, "restored", "application" or "delta"; the last one counts.
  std::vector<std::pair<std::string, std::string>> groups = {};
  // As docs/formats/conflicts.md has it, or null; it counts for its conflicts before any of those.
  base::Json file = nullptr;
};

// Of the conflicts that the last merge left.
struct Resolved {
  std::int64_t applied = 0;
  std::int64_t before = 0;   // by an earlier call
  std::int64_t refused = 0;  // decided, and as restored, because the restored server does not take it
  std::int64_t left = 0;     // not decided, and as restored
  // Of the file: conflicts that the restored server does not have so, with `why`.
  base::Json stale = base::Json::array();
};
base::Json ToJson(const Resolved& resolved);

// Keeps decisions and applies them, with those that are kept already; none: does that. Rows may stand in each other's
// way, and are tried in the order that helps. What the server refuses is left out, and so is what would leave a row
// that refers to nothing; the rest is applied. A decision that takes the place of one that was applied undoes that
// first. Throws kBadResolutions where a cause, a group or a file is none, or all of the file is of something else, with
// nothing changed; kSalvageDone as TakeBackDecisions. So does a crash: all is one transaction.
Resolved Decide(pg::Connection& restored, const Targets& targets, const Decisions& decisions);

// Inside a transaction: puts rows back as they were before any decision, and forgets none. Throws kSalvageDone where a
// row is not there any more, or the server does not take it.
void TakeBackDecisions(pg::Connection& restored, const Targets& targets, Quiet& quiet);
bool AnyEffect(pg::Connection& restored);

}  // namespace salvage
