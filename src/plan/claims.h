#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pg/quote.h"

namespace plan {

struct Plan;

// What a release has to do with a table.
struct Claim {
  pg::QualifiedName table;
  bool whole = false;                // the release makes the table, or drops it
  std::vector<std::string> changes;  // columns that it adds, renames, retypes, drops, tightens, writes
  std::vector<std::string> reads;    // further columns, whose name and type its steps and ways back rely on
};

base::Json ToJson(const std::vector<Claim>& claims);
// Throws kBadJson.
std::vector<Claim> ClaimsFromJson(const base::Json& json);

// What two releases cannot both have in hand: a table that one makes or drops, a column that one changes and the other
// changes or reads. "public.users.name"; empty: they may share a table, and do not hinder each other.
std::vector<std::string> Shared(const std::vector<Claim>& mine, const std::vector<Claim>& theirs);

// Of a description (catalog::Describe) the part that a release needs as it is.
enum class Need {
  kForward,  // what its steps were made for: the columns of its claims, what hangs on those that it changes or is named
             // in its steps, and the table's own kind
  kUndo,  // a way back only needs its tables, and that triggers of ours fire: all else its statements find themselves
};
base::Json Needed(const Plan& plan, const base::Json& described, Need need);

}  // namespace plan
