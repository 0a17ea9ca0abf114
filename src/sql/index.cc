#include <algorithm>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

void AddOnce(std::vector<std::string>& list, const std::string& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

std::vector<std::string> IndexColumns(const base::Json& node) {
  std::vector<std::string> columns;
  for (const char* list : {"indexParams", "indexIncludingParams"}) {
    for (const auto& wrapped : At(node, list)) {
      const auto& element = As(wrapped, "IndexElem");
      if (const auto name = Str(element, "name"); !name.empty()) AddOnce(columns, name);
      for (const auto& column : ColumnsRead(At(element, "expr"))) AddOnce(columns, column);
    }
  }
  for (const auto& column : ColumnsRead(At(node, "whereClause"))) AddOnce(columns, column);
  return columns;
}

}  // namespace

Actions CreateIndex(const Statement& statement) {
  const auto& node = statement.node;
  const auto& relation = At(node, "relation");
  auto action = statement.Make(Kind::kCreateIndex);
  action.relation = RelationOf(relation);
  action.index = {action.relation.schema, Str(node, "idxname")};
  action.unique = Flag(node, "unique");
  action.concurrently = Flag(node, "concurrent");
  action.if_exists = Flag(node, "if_not_exists");
  action.only = !Flag(relation, "inh");
  action.columns = IndexColumns(node);
  for (const char* list : {"indexParams", "indexIncludingParams"}) {
    for (const auto& wrapped : At(node, list)) {
      const auto name = Str(As(wrapped, "IndexElem"), "name");
      action.over_expression = action.over_expression || name.empty();
      if (!name.empty()) action.key_columns.push_back(name);
    }
  }
  const auto& source = statement.source;
  const auto after = source.From(statement.range, Number(relation, "location"));
  action.definition = source.Slice({std::min(source.Find(after, "USING"), source.Find(after, "(")), after.last});
  return {action};
}

}  // namespace sql
