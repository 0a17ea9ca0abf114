#include "sql/mentions.h"

extern "C" {
#include <pg_query.h>
}

#include <algorithm>
#include <map>
#include <set>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;
using Space = Target::Space;

template <typename T>
void AddOnce(std::vector<T>& list, T item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

template <typename T>
void AddAll(std::vector<T>& list, const std::vector<T>& more) {
  for (const T& item : more) AddOnce(list, item);
}

void Merge(Mentions& into, const Mentions& more) {
  AddAll(into.reads, more.reads);
  AddAll(into.writes, more.writes);
  AddAll(into.functions, more.functions);
  AddAll(into.types, more.types);
  AddAll(into.columns, more.columns);
  into.whole_rows = into.whole_rows || more.whole_rows;
  into.unknown = into.unknown || more.unknown;
}

// A dotted name in any of the forms that the tree has for it.
std::vector<std::string> PartsOf(const Json& object) {
  if (object.is_array()) return Strings(object);
  if (const auto& list = As(object, "List"); !list.is_null()) return Strings(At(list, "items"));
  if (const auto& typed = As(object, "TypeName"); !typed.is_null()) return Strings(At(typed, "names"));
  if (const auto& routine = As(object, "ObjectWithArgs"); !routine.is_null()) return Strings(At(routine, "objname"));
  if (const auto& range = As(object, "RangeVar"); !range.is_null()) {
    const Name name = RelationOf(range);
    return name.schema.empty() ? std::vector{name.name} : std::vector{name.schema, name.name};
  }
  if (const auto& text = As(object, "String"); !text.is_null()) return {Str(text, "sval")};
  return {};
}

Name LastTwo(const std::vector<std::string>& parts) {
  if (parts.empty()) return {};
  return {parts.size() > 1 ? parts[parts.size() - 2] : std::string(), parts.back()};
}

// "OBJECT_VIEW" and the name parts of the object: in which space it is, and by what name.
Target TargetOf(const std::string& kind, const std::vector<std::string>& parts) {
  static const std::map<std::string, Space> kSpaces = {
      {"OBJECT_TABLE", Space::kRelation},
      {"OBJECT_VIEW", Space::kRelation},
      {"OBJECT_MATVIEW", Space::kRelation},
      {"OBJECT_SEQUENCE", Space::kRelation},
      {"OBJECT_INDEX", Space::kRelation},
      {"OBJECT_FOREIGN_TABLE", Space::kRelation},
      {"OBJECT_STATISTIC_EXT", Space::kRelation},
      {"OBJECT_FUNCTION", Space::kRoutine},
      {"OBJECT_PROCEDURE", Space::kRoutine},
      {"OBJECT_ROUTINE", Space::kRoutine},
      {"OBJECT_AGGREGATE", Space::kRoutine},
      {"OBJECT_TYPE", Space::kType},
      {"OBJECT_DOMAIN", Space::kType},
      {"OBJECT_SCHEMA", Space::kSchema},
      {"OBJECT_EXTENSION", Space::kExtension},
      {"OBJECT_TRIGGER", Space::kRule},
      {"OBJECT_RULE", Space::kRule},
      {"OBJECT_POLICY", Space::kRule},
      {"OBJECT_COLUMN", Space::kColumn},
      {"OBJECT_TABCONSTRAINT", Space::kConstraint},
  };
  const auto found = kSpaces.find(kind);
  if (found == kSpaces.end() || parts.empty()) return {};
  Target target{found->second, {}, {}};
  const bool part =
      target.space == Space::kRule || target.space == Space::kColumn || target.space == Space::kConstraint;
  if (part && parts.size() < 2) return {};
  if (part) target.part = parts.back();
  target.name = LastTwo({parts.begin(), parts.end() - (part ? 1 : 0)});
  return target;
}

std::vector<Target> DroppedOrGranted(const std::string& kind, const Json& objects) {
  std::vector<Target> targets;
  for (const auto& object : objects) targets.push_back(TargetOf(kind, PartsOf(object)));
  return targets;
}

// What the statement makes, changes or drops. One that is not known here has the unknown target.
std::vector<Target> TargetsOf(const std::string& type, const Json& node) {
  const auto relation = [&](const char* key) { return Target{Space::kRelation, RelationOf(At(node, key)), {}}; };
  const auto rule = [&](const char* table, const char* name) {
    return Target{Space::kRule, RelationOf(At(node, table)), Str(node, name)};
  };
  const auto typed = [&](const char* key) { return Target{Space::kType, NameOf(At(node, key)), {}}; };
  if (type == "DropStmt") return DroppedOrGranted(Str(node, "removeType"), At(node, "objects"));
  if (type == "GrantStmt" && Str(node, "targtype") == "ACL_TARGET_OBJECT")
    return DroppedOrGranted(Str(node, "objtype"), At(node, "objects"));
  if (type == "CommentStmt") return {TargetOf(Str(node, "objtype"), PartsOf(At(node, "object")))};
  if (type == "AlterOwnerStmt") return {TargetOf(Str(node, "objectType"), PartsOf(At(node, "object")))};
  if (type == "AlterTableStmt") return {TargetOf(Str(node, "objtype"), PartsOf({{"RangeVar", At(node, "relation")}}))};
  if (type == "ViewStmt") return {relation("view")};
  if (type == "CreateTableAsStmt") return {Target{Space::kRelation, RelationOf(At(At(node, "into"), "rel")), {}}};
  if (type == "RefreshMatViewStmt" || type == "CreateStmt") return {relation("relation")};
  if (type == "CreateSeqStmt" || type == "AlterSeqStmt") return {relation("sequence")};
  if (type == "CreateFunctionStmt") return {{Space::kRoutine, NameOf(At(node, "funcname")), {}}};
  if (type == "AlterFunctionStmt") return {{Space::kRoutine, NameOf(At(At(node, "func"), "objname")), {}}};
  if (type == "CreateTrigStmt") return {rule("relation", "trigname")};
  if (type == "RuleStmt") return {rule("relation", "rulename")};
  if (type == "CreatePolicyStmt" || type == "AlterPolicyStmt") return {rule("table", "policy_name")};
  if (type == "CreateEnumStmt" || type == "AlterEnumStmt" || type == "CreateRangeStmt") return {typed("typeName")};
  if (type == "CreateDomainStmt") return {typed("domainname")};
  if (type == "AlterDomainStmt") return {typed("typeName")};
  if (type == "CompositeTypeStmt") return {Target{Space::kType, RelationOf(At(node, "typevar")), {}}};
  if (type == "CreateSchemaStmt") return {{Space::kSchema, {"", Str(node, "schemaname")}, {}}};
  if (type == "CreateExtensionStmt") return {{Space::kExtension, {"", Str(node, "extname")}, {}}};
  if (type == "CreateStatsStmt") return {{Space::kRelation, NameOf(At(node, "defnames")), {}}};
  if (type == "RenameStmt" && At(node, "object").is_null() && At(node, "relation").contains("relname"))
    return {relation("relation"),
            Target{Space::kRelation, {Str(At(node, "relation"), "schemaname"), Str(node, "newname")}, {}}};
  if (type == "InsertStmt" || type == "UpdateStmt" || type == "DeleteStmt" || type == "MergeStmt" ||
      type == "SelectStmt" || type == "TruncateStmt" || type == "CallStmt" || type == "DoStmt" ||
      type == "GrantRoleStmt" || type == "CreateRoleStmt" || type == "AlterRoleStmt" || type == "DropRoleStmt" ||
      type == "AlterDefaultPrivilegesStmt" || type == "VacuumStmt" || type == "NotifyStmt")
    return {};
  return {Target{}};
}

void Visit(const Json& node, Mentions& mentions, std::set<std::string>& aliases) {
  if (const auto& call = At(node, "FuncCall"); !call.is_null())
    AddOnce(mentions.functions, NameOf(At(call, "funcname")));
  // A trigger's function stands in the statement itself.
  if (node.contains("trigname")) AddOnce(mentions.functions, NameOf(At(node, "funcname")));
  for (const auto& [key, child] : node.items()) {
    if (key != "typeName" && key != "TypeName" && key != "returnType" && key != "argType") continue;
    if (const Name name = NameOf(At(child, "names")); !name.name.empty() && name.schema != "pg_catalog")
      AddOnce(mentions.types, name);
  }
  if (const auto& fields = At(At(node, "ColumnRef"), "fields"); !fields.empty()) {
    if (fields.back().contains("A_Star")) mentions.whole_rows = true;
    for (const auto& name : Strings(fields)) AddOnce(mentions.columns, name);
  }
  if (Flag(At(node, "JoinExpr"), "isNatural") || node.contains("TableLikeClause")) mentions.whole_rows = true;
  for (const auto& name : Strings(At(At(node, "Constraint"), "pk_attrs"))) AddOnce(mentions.columns, name);
  for (const auto& name : Strings(At(At(node, "AccessPriv"), "cols"))) AddOnce(mentions.columns, name);
  if (const auto name = Str(At(node, "StatsElem"), "name"); !name.empty()) AddOnce(mentions.columns, name);
  for (const auto& name : Strings(At(At(node, "JoinExpr"), "usingClause"))) AddOnce(mentions.columns, name);
  if (const auto name = Str(At(node, "alias"), "aliasname"); !name.empty()) aliases.insert(name);
  if (const auto name = Str(node, "relname"); !name.empty()) aliases.insert(name);
}

Json TreeOf(const std::string& text) {
  const auto raw = pg_query_parse(text.c_str());
  Json tree = raw.error == nullptr ? base::ParseJson(raw.parse_tree, "the parser's answer") : Json();
  pg_query_free_parse_result(raw);
  return tree;
}

// Statements of a function's body; nothing: they cannot be read.
bool AddText(const std::string& text, Mentions& mentions) {
  const Json tree = TreeOf(text);
  if (tree.is_null()) return false;
  for (const auto& statement : At(tree, "stmts")) {
    const auto& wrapped = At(statement, "stmt");
    const auto type = TypeOfNode(wrapped);
    const auto& node = As(wrapped, type);
    Mentions one = MentionsOf(type, node);
    if (type == "InsertStmt" || type == "UpdateStmt" || type == "DeleteStmt" || type == "MergeStmt") {
      AddOnce(one.writes, RelationOf(At(node, "relation")));
    } else if (type != "SelectStmt") {
      one.unknown = true;
    }
    Merge(mentions, one);
  }
  return true;
}

void AddExpression(const std::string& query, Mentions& mentions) {
  const auto assignment = query.find(":=");
  const std::string value = assignment == std::string::npos ? query : query.substr(assignment + 2);
  if (!AddText(query, mentions) && !AddText("SELECT " + value, mentions)) mentions.unknown = true;
}

void AddProcedural(const std::string& create, Mentions& mentions) {
  const auto raw = pg_query_parse_plpgsql(create.c_str());
  const Json tree = raw.error == nullptr ? base::ParseJson(raw.plpgsql_funcs, "the parser's answer") : Json();
  pg_query_free_plpgsql_parse_result(raw);
  if (tree.is_null() || tree.empty()) {
    mentions.unknown = true;
    return;
  }
  Walk(tree, [&](const Json& node) {
    for (const char* dynamic : {"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery"}) {
      if (node.contains(dynamic)) mentions.unknown = true;
    }
    if (const auto query = Str(At(node, "PLpgSQL_expr"), "query"); !query.empty()) AddExpression(query, mentions);
    return true;
  });
}

std::string InDollars(const std::string& body) {
  std::string mark = "$body$";
  while (body.find(mark) != std::string::npos) mark.insert(1, "x");
  return mark + body + mark;
}

}  // namespace

Mentions MentionsOf(const std::string& type, const Json& node) {
  Mentions mentions;
  auto relations = RelationsOf(node);
  mentions.targets = TargetsOf(type, node);
  for (const Name& name : relations.reads) {
    const bool own = std::any_of(mentions.targets.begin(), mentions.targets.end(), [&](const Target& target) {
      return target.space == Space::kRelation && target.name == name;
    });
    if (!own || type == "CreateTableAsStmt") mentions.reads.push_back(name);
  }
  mentions.writes = std::move(relations.writes);
  if (type == "TruncateStmt") std::swap(mentions.reads, mentions.writes);
  std::set<std::string> aliases;
  Visit(node, mentions, aliases);
  Walk(node, [&](const Json& inner) {
    Visit(inner, mentions, aliases);
    return true;
  });
  mentions.whole_rows =
      mentions.whole_rows || std::any_of(mentions.columns.begin(), mentions.columns.end(),
                                         [&](const std::string& column) { return aliases.contains(column); });
  if (type == "CreateTrigStmt") AddAll(mentions.columns, Strings(At(node, "columns")));
  return mentions;
}

Mentions BodyOf(const std::string& type, const Json& node, const std::string& text) {
  std::string language = type == "DoStmt" ? "plpgsql" : "sql";
  std::string body;
  for (const auto& wrapped : At(node, type == "DoStmt" ? "args" : "options")) {
    const auto& option = As(wrapped, "DefElem");
    const auto& value = At(option, "arg");
    if (Str(option, "defname") == "language") language = Str(As(value, "String"), "sval");
    if (Str(option, "defname") != "as") continue;
    const auto parts = PartsOf(value);
    if (!parts.empty()) body = parts.front();
  }
  Mentions mentions;
  if (const auto& standard = At(node, "sql_body"); !standard.is_null()) {
    mentions = MentionsOf("SelectStmt", node);
    mentions.reads = RelationsOf({{"body", standard}}).reads;
  } else if (language == "sql") {
    if (!AddText(body, mentions)) mentions.unknown = true;
  } else if (language == "plpgsql") {
    AddProcedural(type == "DoStmt" ? "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS " + InDollars(body) : text,
                  mentions);
  } else {
    mentions.unknown = true;
  }
  mentions.targets.clear();
  return mentions;
}

}  // namespace sql
