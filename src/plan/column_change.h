#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "plan/builder.h"
#include "sql/parse.h"

namespace plan {

// All that change.sql says of one column, taken together.
struct ColumnChange {
  const catalog::Table* table = nullptr;
  std::string old_name;  // empty: added by this release
  std::string new_name;
  std::optional<sql::ColumnDef> added;
  bool dropped = false;
  bool cascade = false;
  std::string type;              // as written; empty: not changed
  std::string using_expression;  // over the old name
  bool using_casts = false;      // it says what a cast of the column would do
  std::optional<bool> not_null;  // set or dropped
  bool default_changed = false;  // of an added column: by a statement after its ADD, whose DEFAULT its rows have
  std::optional<std::string> new_default;  // nothing with default_changed: dropped
  bool constant_default = false;
  sql::Location at;
  // The statements that say so, and all names that the column has on the way.
  std::vector<int> shaped_by;  // ADD, RENAME, DROP
  std::vector<int> typed_by;
  int nulled_by = 0;
  int defaulted_by = 0;
  std::vector<std::string> names;

  [[nodiscard]] const catalog::Column& Old() const { return *table->FindColumn(old_name); }
  [[nodiscard]] bool Renamed() const { return old_name != new_name; }
  // "public.users.age".
  [[nodiscard]] std::string Text() const;
  // What the statements that shape or retype the column write of it, under each of these names.
  [[nodiscard]] Accesses Shaping(Mode mode, Aspect aspect, const std::vector<std::string>& columns) const;
  [[nodiscard]] Accesses Typing(Aspect aspect, const std::string& column) const;
  // The first of all.
  [[nodiscard]] int Statement() const;
};

[[nodiscard]] bool IsColumnAction(sql::Kind kind);

// Folds the column actions of a release in their order, one change for each column. What does not fit (no such column,
// a name that is taken) becomes a blocker.
std::vector<ColumnChange> FoldColumnChanges(Builder& builder, const std::vector<sql::Action>& actions);

}  // namespace plan
