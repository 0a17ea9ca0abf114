#include <map>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

// Objects of a DROP are lists of name parts.
Name DroppedName(const Json& wrapped) { return NameOf(At(As(wrapped, "List"), "items")); }

// "CONSTR_CHECK" -> "check".
std::string InlineKind(const std::string& type) {
  static const std::map<std::string, std::string> kKinds = {{"CONSTR_PRIMARY", "pkey"},   {"CONSTR_UNIQUE", "key"},
                                                            {"CONSTR_EXCLUSION", "excl"}, {"CONSTR_FOREIGN", "fkey"},
                                                            {"CONSTR_CHECK", "check"},    {"CONSTR_IDENTITY", "seq"}};
  const auto found = kKinds.find(type);
  return found == kKinds.end() ? std::string() : found->second;
}

void AddInline(const Json& constraint, const std::string& column, std::vector<Inline>& inlines) {
  Inline one;
  one.kind = InlineKind(Str(constraint, "contype"));
  if (one.kind.empty()) return;
  one.name = Str(constraint, "conname");
  if (one.kind == "check") {
    // The server names a check after its column where it reads just one.
    one.columns = ColumnsRead(At(constraint, "raw_expr"));
    if (one.columns.size() != 1) one.columns.clear();
  } else if (one.kind == "fkey") {
    one.columns = Strings(At(constraint, "fk_attrs"));
    one.referenced = RelationOf(At(constraint, "pktable"));
  } else if (one.kind == "key" || one.kind == "excl") {
    one.columns = Strings(At(constraint, "keys"));
  }
  if (one.columns.empty() && !column.empty() && one.kind != "check" && one.kind != "pkey") one.columns = {column};
  inlines.push_back(std::move(one));
}

void AddInlines(const Json& element, Action& action) {
  if (element.contains("TableLikeClause")) action.like = true;
  if (const auto& constraint = As(element, "Constraint"); !constraint.is_null())
    AddInline(constraint, "", action.inlines);
  const auto& column = As(element, "ColumnDef");
  if (column.is_null()) return;
  const std::string name = Str(column, "colname");
  const std::string type = NameOf(At(At(column, "typeName"), "names")).name;
  if (type.ends_with("serial") || type == "serial2" || type == "serial4" || type == "serial8")
    action.inlines.push_back({"seq", "", {name}, {}});
  for (const auto& constraint : At(column, "constraints"))
    AddInline(As(constraint, "Constraint"), name, action.inlines);
}

}  // namespace

Actions CreateTable(const Statement& statement) {
  const auto& node = statement.node;
  const auto& relation = At(node, "relation");
  const char* bound = Str(relation, "relpersistence") == "t" ? "CREATE TEMPORARY TABLE"
                      : !At(node, "partbound").is_null()     ? "CREATE TABLE ... PARTITION OF"
                      : !At(node, "inhRelations").empty()    ? "CREATE TABLE ... INHERITS"
                                                             : nullptr;
  // A child of another table stays visible through its parent wherever it is moved: it is no table of its own.
  auto action = bound != nullptr ? statement.Other(bound) : statement.Make(Kind::kCreateTable);
  action.relation = RelationOf(relation);
  action.if_exists = Flag(node, "if_not_exists");
  action.reads = RelationsOf(node).reads;
  for (const auto& element : At(node, "tableElts")) AddInlines(element, action);
  return {action};
}

Actions CreateTableAs(const Statement& statement) {
  const auto& node = statement.node;
  if (Str(node, "objtype") != "OBJECT_TABLE") return Remaining(statement);
  const auto& relation = At(At(node, "into"), "rel");
  const bool temporary = Str(relation, "relpersistence") == "t";
  auto action = temporary ? statement.Other("CREATE TEMPORARY TABLE") : statement.Make(Kind::kCreateTable);
  action.fills = true;
  action.relation = RelationOf(relation);
  action.if_exists = Flag(node, "if_not_exists");
  auto relations = RelationsOf(node);
  action.reads = std::move(relations.reads);
  action.writes = std::move(relations.writes);
  return {action};
}

Actions Drop(const Statement& statement) {
  const auto& node = statement.node;
  const auto type = Str(node, "removeType");
  if (type != "OBJECT_TABLE" && type != "OBJECT_INDEX") return Remaining(statement);
  Actions actions;
  for (const auto& object : At(node, "objects")) {
    auto action = statement.Make(type == "OBJECT_TABLE" ? Kind::kDropTable : Kind::kDropIndex);
    (type == "OBJECT_TABLE" ? action.relation : action.index) = DroppedName(object);
    action.if_exists = Flag(node, "missing_ok");
    action.cascade = Str(node, "behavior") == "DROP_CASCADE";
    action.concurrently = Flag(node, "concurrent");
    actions.push_back(std::move(action));
  }
  return actions;
}

Actions Rename(const Statement& statement) {
  const auto& node = statement.node;
  const auto type = Str(node, "renameType");
  const auto& relation = At(node, "relation");
  Action action;
  if (type == "OBJECT_TABLE") {
    action = statement.Make(Kind::kRenameTable);
  } else if (type == "OBJECT_COLUMN" && Str(node, "relationType") == "OBJECT_TABLE") {
    action = statement.Make(Kind::kRenameColumn);
    action.column = Str(node, "subname");
  } else if (type == "OBJECT_TABCONSTRAINT") {
    action = statement.Other("ALTER TABLE ... RENAME CONSTRAINT");
    action.constraint = Str(node, "subname");
  } else {
    return Remaining(statement);
  }
  action.relation = RelationOf(relation);
  action.new_name = Str(node, "newname");
  action.only = !Flag(relation, "inh");
  action.if_exists = Flag(node, "missing_ok");
  return {action};
}

}  // namespace sql
