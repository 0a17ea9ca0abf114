#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plan/builder.h"
#include "plan/column_change.h"

namespace plan {

// What the change does to the column's name and storage, as far as others hang on it.
enum class Use {
  kInPlace,  // same name, same storage, another type
  kReplace,  // another column takes its place (rename, rewriting type)
  kDrop,     // retired without a successor
};

// Whether an index, a constraint or whatever has these columns has this one among them.
bool Names(const std::vector<std::string>& columns, const std::string& column);

// The rules that rewrite what is written to this table; those of others that only read or write it are left out.
std::vector<catalog::Dependent> RulesOn(const catalog::Table& table);

// Looks at all that hangs on a column: partition keys, primary keys, foreign keys of others, views, rules, policies,
// generated columns, publications, grants, triggers, functions. What goes along by itself stays silent; the rest blocks
// by name or is noticed. `replaces`: tells whether change.sql itself replaces the function of this qualified name.
void CheckHangers(Builder& builder, const ColumnChange& change, Use use,
                  const std::function<bool(const std::string&)>& replaces);

}  // namespace plan
