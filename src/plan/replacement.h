#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/builder.h"
#include "plan/column_change.h"
#include "plan/pair.h"

namespace plan {

// A generated index or constraint of a new column, and the name of the old one that it takes over at purge.
struct Successor {
  // kUnique: an index that becomes a UNIQUE constraint at purge
  enum class Kind { kIndex, kUnique, kConstraint, kStatistics };
  std::string generated;
  std::string former;
  Kind kind = Kind::kIndex;
  std::optional<pg::QualifiedName> referenced = {};  // of a foreign key
  std::string schema = {};                           // kStatistics: may be another than the table's
  bool retyped = false;                              // then PostgreSQL makes it anew, without statistics targets
};

// A column that another one takes the place of: by a rename, a rewriting type, or both, with all else that changes on
// it.
struct Replacement {
  Pair pair;
  std::optional<std::string> default_after;   // of the new column, from contract on; nothing: none
  std::optional<std::string> default_before;  // of the old column
  std::vector<Successor> successors;
  // What the statements do with the steps that take the names of a whole table away, and the old column.
  std::vector<int> statements;  // that make it
  const ColumnChange* change = nullptr;
  Accesses swaps;
  Accesses retires;
  Accesses purges;
};

// A column without a successor.
struct Dropped {
  pg::QualifiedName table;
  std::string column;
  std::string retired;
  std::optional<Pair> fill;                       // keeps the retired column filled through `down`
  std::vector<catalog::Constraint> foreign_keys;  // out of it: dropped while it is retired, and remembered
  Accesses retires;                               // as Replacement
};

// Whether the change needs another column beside the old one.
[[nodiscard]] bool NeedsReplacement(const Builder& builder, const ColumnChange& change);

// Steps of expand, migrate and contract but for the change of names, which SwapNames and RetireNames do a table at a
// time. Nothing: blocked.
std::optional<Replacement> Replace(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all);
// The same for a dropped column.
Dropped Drop(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all);

// One short transaction in `switch` for all columns of a table that keep their name and get another type.
void SwapNames(Builder& builder, const pg::QualifiedName& table, const std::vector<Replacement>& replacements);
// One short transaction in contract that takes the old names away, and one step in purge for each column.
void RetireNames(Builder& builder, const pg::QualifiedName& table, const std::vector<Replacement>& replacements,
                 const std::vector<Dropped>& dropped);

}  // namespace plan
