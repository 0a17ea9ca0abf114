#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/merge.h"
#include "salvage/target.h"

namespace salvage {

// Of the file; its format, docs/formats/conflicts.md.
inline constexpr int kConflictsVersion = 2;

base::Json ValueJson(const Value& value);

// A conflict as it stands in the file that a person edits. `restored` is the row as it
// stands on the restored server, where there is one; `key` counts where neither side has the row; `said`: the server's
// words, of a foreign key its name.
base::Json ConflictJson(const Table& table, const std::vector<Value>& key, const std::optional<Row>& restored,
                        const Conflict& conflict, const std::string& said = "");

// What a conflict says of the data, whatever its number, its words and its decision are.
std::string ContentOf(const base::Json& conflict);
// Where it is: cause and group, row and column. A later merge finds it there again, with other values.
std::string PlaceOf(const base::Json& conflict);

// What is decided of a conflict in one of these forms: "restored", "application", "delta"; of a column {"value": text
// or null}, of a row {"values": {column: text or null}}, which is as the application left it but for these.
// Empty: it can be taken so; else why not.
std::string WhyNot(const base::Json& conflict, const base::Json& take);

// Conflicts of one cause in one place: a column of a table, a constraint, or the table.
struct Group {
  std::string name;
  std::string cause;
  std::string table;
  std::string why;  // a sentence without a full stop
  std::vector<std::string> choices;
  std::int64_t conflicts = 0;
  std::int64_t refused = 0;  // of them, those whose decision the restored server refuses
};
base::Json ToJson(const Group& group);
Group GroupFromJson(const base::Json& json);
// By their names; each conflict as in the file.
std::vector<Group> GroupsOf(const base::Json& conflicts);

}  // namespace salvage
