#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

// What kind of object a CREATE, ALTER or DROP speaks of takes more than one word.
constexpr std::array<std::string_view, 15> kLongKinds = {
    "MATERIALIZED VIEW",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "EVENT TRIGGER",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "DEFAULT PRIVILEGES",
    "ACCESS METHOD",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "USER MAPPING",
    "LARGE OBJECT",
    "PROCEDURAL LANGUAGE",
};

class Words {
 public:
  explicit Words(const Statement& statement) : source_(statement.source), range_(statement.range) {}

  [[nodiscard]] std::string Next() const {
    return range_.empty() ? std::string() : source_.tokens()[range_.first].word;
  }
  std::string Take() {
    auto word = Next();
    if (!range_.empty()) ++range_.first;
    return word;
  }
  bool TakeIf(std::string_view word) {
    if (range_.empty() || Next() != word) return false;
    ++range_.first;
    return true;
  }
  void SkipAny(const std::set<std::string_view>& words) {
    while (!range_.empty() && words.contains(Next())) ++range_.first;
  }
  // The kind of object, in one word or several.
  std::string TakeKind() {
    for (const auto kind : kLongKinds) {
      if (!StartsWith(kind)) continue;
      range_.first += static_cast<std::size_t>(std::count(kind.begin(), kind.end(), ' ')) + 1;
      return std::string(kind);
    }
    return Take();
  }
  // Names as written; in a DROP there may be several, with argument lists.
  [[nodiscard]] std::string Names(bool several) const {
    auto rest = range_;
    if (rest.empty() || source_.Is(rest.first, "(")) return {};
    std::size_t end = rest.first;
    for (;;) {
      end = source_.PastName(rest, end);
      if (several && end < rest.last && source_.Is(end, "(")) end = std::min(source_.Closing(rest, end) + 1, rest.last);
      if (!several || end + 1 >= rest.last || !source_.Is(end, ",")) break;
      ++end;
    }
    return source_.Slice({rest.first, end});
  }

 private:
  [[nodiscard]] bool StartsWith(std::string_view kind) const {
    std::string ahead;
    for (std::size_t i = range_.first; i < range_.last && ahead.size() < kind.size(); ++i) {
      if (!ahead.empty()) ahead += ' ';
      ahead += source_.tokens()[i].word;
    }
    return ahead == kind;
  }

  const Source& source_;
  Range range_;
};

// The relation that the statement stands on (a trigger's, a policy's) or makes (a view).
Name RelationIn(const Json& node) {
  for (const char* key : {"relation", "table", "view", "sequence"}) {
    if (const auto& relation = At(node, key); relation.contains("relname")) return RelationOf(relation);
  }
  if (const auto& relation = At(At(node, "into"), "rel"); !relation.is_null()) return RelationOf(relation);
  if (const auto& list = At(node, "relations"); !list.empty()) return RelationOf(As(list.front(), "RangeVar"));
  return {};
}

Action Create(const Statement& statement, Words words) {
  words.Take();
  auto action = statement.Make(Kind::kCreateObject);
  if (words.TakeIf("OR")) action.or_replace = words.TakeIf("REPLACE");
  words.SkipAny({"TEMP", "TEMPORARY", "LOCAL", "GLOBAL", "UNLOGGED", "RECURSIVE", "TRUSTED", "CONSTRAINT", "DEFAULT"});
  action.object_kind = words.TakeKind();
  if (words.TakeIf("IF")) action.if_exists = true;
  words.SkipAny({"NOT", "EXISTS", "FOR", "CONCURRENTLY"});
  action.object = words.Names(false);
  // A schema that brings its tables along is more than one object.
  if (!At(statement.node, "schemaElts").empty()) return statement.Other("CREATE SCHEMA with objects", action.object);
  return action;
}

Action AlterOrDrop(const Statement& statement, Words words) {
  const auto verb = words.Take();
  const auto kind = words.TakeKind();
  auto action = statement.Other(verb + " " + kind);
  if (statement.type == "AlterEnumStmt") {
    action.object_kind += Str(statement.node, "oldVal").empty() ? " ... ADD VALUE" : " ... RENAME VALUE";
  }
  if (statement.type == "AlterObjectSchemaStmt") action.object_kind += " ... SET SCHEMA";
  words.SkipAny({"CONCURRENTLY"});
  if (words.TakeIf("IF")) action.if_exists = true;
  words.SkipAny({"EXISTS", "ONLY", "FOR"});
  action.object = words.Names(verb == "DROP");
  action.cascade = Str(statement.node, "behavior") == "DROP_CASCADE";
  return action;
}

}  // namespace

Actions Remaining(const Statement& statement) {
  const Words words(statement);
  const auto verb = words.Next();
  Action action;
  if (statement.type == "TransactionStmt") {
    action = statement.Other("transaction control");
  } else if (statement.type == "DoStmt") {
    action = statement.Other("DO block");
  } else if (verb == "CREATE") {
    action = Create(statement, words);
  } else if (verb == "ALTER" || verb == "DROP") {
    action = AlterOrDrop(statement, words);
  } else {
    action = statement.Other(statement.type == "MergeStmt" ? "MERGE" : verb);
    auto relations = RelationsOf(statement.node);
    (statement.type == "TruncateStmt" ? action.writes : action.reads) = std::move(relations.reads);
    if (!relations.writes.empty()) action.writes = std::move(relations.writes);
  }
  action.relation = RelationIn(statement.node);
  if (statement.type == "RenameStmt") action.new_name = Str(statement.node, "newname");
  return {action};
}

}  // namespace sql
