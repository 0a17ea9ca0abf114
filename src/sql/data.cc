#include <algorithm>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

std::vector<std::string> Targets(const Json& list) {
  std::vector<std::string> columns;
  for (const auto& wrapped : list) {
    const auto name = Str(As(wrapped, "ResTarget"), "name");
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  }
  return columns;
}

Action WithRelations(const Statement& statement, Action action) {
  auto relations = RelationsOf(statement.node);
  action.reads = std::move(relations.reads);
  action.writes = std::move(relations.writes);
  return action;
}

Action DataChange(const Statement& statement, Kind kind) {
  const auto& relation = At(statement.node, "relation");
  auto action = WithRelations(statement, statement.Make(kind));
  action.relation = RelationOf(relation);
  action.only = !Flag(relation, "inh");
  return action;
}

}  // namespace

Actions Update(const Statement& statement) {
  auto action = DataChange(statement, Kind::kUpdate);
  action.columns = Targets(At(statement.node, "targetList"));
  return {action};
}

Actions Delete(const Statement& statement) { return {DataChange(statement, Kind::kDelete)}; }

Actions Insert(const Statement& statement) {
  auto action = DataChange(statement, Kind::kInsertSelect);
  action.only = false;  // INSERT knows no ONLY
  action.columns = Targets(At(statement.node, "cols"));
  const auto& conflict = At(statement.node, "onConflictClause");
  action.on_conflict = !conflict.is_null();
  action.conflict_columns = Targets(At(conflict, "targetList"));
  return {action};
}

Actions Select(const Statement& statement) {
  const auto& into = At(statement.node, "intoClause");
  if (into.is_null()) return {WithRelations(statement, statement.Other("SELECT"))};
  const auto& relation = At(into, "rel");
  const bool temporary = Str(relation, "relpersistence") == "t";
  auto action = temporary ? statement.Other("CREATE TEMPORARY TABLE") : statement.Make(Kind::kCreateTable);
  action.fills = true;
  action.relation = RelationOf(relation);
  return {WithRelations(statement, std::move(action))};
}

}  // namespace sql
