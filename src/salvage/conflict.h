#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/merge.h"
#include "salvage/target.h"

namespace salvage {

// A conflict as it stands in the file that a person edits; docs/formats/conflicts.md. `restored` is the row as it
// stands on the restored server, where there is one; `key` counts where neither side has the row; `said`: the server's
// words.
base::Json ConflictJson(const Table& table, const std::vector<Value>& key, const std::optional<Row>& restored,
                        const Conflict& conflict, const std::string& said = "");

// A conflict without its number and what a person decides of it.
std::string ContentOf(base::Json conflict);

// Applies what a person decided in the file of conflicts: `take` is "restored", "application" or, of a column,
// {"value": text or null}; all else must be as the restored server has it, or the file is of another one. Each conflict
// is applied once, however often the file is given; those whose rows stand in each other's way in the order that helps.
// Throws kBadResolutions, and what the server says of a value that it refuses; then nothing is changed. So does a
// crash: all of the file is one transaction.
struct Resolved {
  std::int64_t applied = 0;
  std::int64_t before = 0;  // by an earlier call; what it took stays
  std::int64_t left = 0;    // as restored
};
base::Json ToJson(const Resolved& resolved);
Resolved ApplyResolutions(pg::Connection& restored, const Targets& targets, const base::Json& file);

}  // namespace salvage
