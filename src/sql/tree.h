#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "sql/parse.h"

// Reading libpg_query's JSON tree. It leaves out what is zero, false, empty or null; a node that could be of several
// types is wrapped as {"Type": {...}}.
namespace sql {

// The value of a key; JSON null where there is none.
const base::Json& At(const base::Json& node, std::string_view key);
std::string Str(const base::Json& node, std::string_view key);
bool Flag(const base::Json& node, std::string_view key);
std::size_t Number(const base::Json& node, std::string_view key);

// The only type name of a wrapped node; empty where it is none.
std::string TypeOfNode(const base::Json& wrapped);
// The inside of a wrapped node if it is of that type, else JSON null.
const base::Json& As(const base::Json& wrapped, std::string_view type);

// A list of String nodes.
std::vector<std::string> Strings(const base::Json& list);
// A dotted name from a list of String nodes: its last two parts.
Name NameOf(const base::Json& list);
// A RangeVar without its wrapper.
Name RelationOf(const base::Json& range_var);

// Calls `visit` for each object of the tree; it is not entered further where that says false.
void Walk(const base::Json& tree, const std::function<bool(const base::Json&)>& visit);

// Names of the columns that the tree's column references read, by their last part, in order of appearance.
std::vector<std::string> ColumnsRead(const base::Json& tree);

// True for a literal, perhaps cast or signed, NULL, and an array of such.
bool IsConstant(const base::Json& wrapped);

}  // namespace sql
