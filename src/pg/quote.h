#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pg {

// The one place where names and values from outside become SQL. Pure: no connection is needed, because names are always
// quoted and literals use the E'' form where they contain a backslash, so no server setting changes their meaning.

// "name", inner quotes doubled.
std::string Ident(std::string_view name);
// "schema"."name".
std::string Ident(std::string_view schema, std::string_view name);
// "a", "b".
std::string IdentList(const std::vector<std::string>& names);
// 'text'.
std::string Literal(std::string_view text);
// $tag$body$tag$ with a tag that does not occur in the body.
std::string DollarQuote(std::string_view body);

// 'text' for replication commands, whose grammar knows no E'' form and takes every backslash as it stands. Names there
// are quoted as everywhere.
std::string ReplicationLiteral(std::string_view text);

// A table, index or other relation by schema and name.
struct QualifiedName {
  std::string schema;
  std::string name;
  [[nodiscard]] std::string Sql() const { return Ident(schema, name); }
  // schema.name for people; parts that need quotes get them.
  [[nodiscard]] std::string Text() const;
  auto operator<=>(const QualifiedName&) const = default;
};

}  // namespace pg
