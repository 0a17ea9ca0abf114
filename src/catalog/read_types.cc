#include <set>

#include "base/error.h"
#include "catalog/parts.h"
#include "catalog/rows.h"
#include "catalog/sql_text.h"

namespace catalog {
namespace {

// The server's own parser decides what the text means. It gets the text as a value first and as SQL only when it has
// read it as one type name and nothing else.
std::optional<SizedType> ResolveOne(pg::Connection& connection, const std::string& written) {
  const auto found = connection.Query(
      "SELECT t.oid, t.typtype FROM pg_catalog.pg_type t WHERE t.oid = pg_catalog.to_regtype($1)::pg_catalog.oid",
      {written});
  if (found.rows() == 0) return {};
  SizedType type{static_cast<std::uint32_t>(found.Int(0, 0)), -1};
  // A domain takes no modifier, and the answer would show that of its base type.
  if (found.Text(0, 1) != "d") {
    type.typmod = connection.Query("SELECT CAST(NULL AS " + written + "\n) WHERE false").TypeModifier(0);
  }
  return type;
}

bool SaysNoSuchType(const base::Error& error) {
  return error.code() == base::Code::kStatementFailed || error.code() == base::Code::kPrivilege;
}

// format_type for each, in one question.
std::map<SizedType, std::string> CanonicalNames(pg::Connection& connection, const SizedTypes& types) {
  std::vector<std::uint32_t> oids;
  std::vector<std::string> typmods;
  for (const auto& [written, type] : types) {
    oids.push_back(type.oid);
    typmods.push_back(std::to_string(type.typmod));
  }
  std::map<SizedType, std::string> names;
  ForEachRow(connection, sql_text::kFormatTypes, {OidArray(oids), TextArray(typmods)}, [&](const Row& row) {
    names[{row.Oid("oid"), static_cast<int>(row.Int("typmod"))}] = row.Text("name");
  });
  return names;
}

TypeRules ReadRules(pg::Connection& connection, const std::set<std::uint32_t>& oids) {
  std::map<std::uint32_t, TypeFacts> facts;
  std::vector<std::uint32_t> all;
  ForEachRow(connection, sql_text::kReadTypes, {OidArray({oids.begin(), oids.end()})}, [&](const Row& row) {
    TypeFacts type;
    type.kind = row.Char("kind");
    type.category = row.Char("category");
    type.base = row.Oid("base");
    type.base_typmod = static_cast<int>(row.Int("base_typmod"));
    type.element = row.Oid("element");
    type.constrained = row.Bool("constrained");
    type.name = row.Text("name");
    type.equality = {row.Text("equal_by"), row.Text("equal_as"), row.Bool("equal_exact")};
    type.collation = row.Oid("collation");
    const base::Json classes = row.Json("classes");
    for (const auto& [method, id] : classes.items()) {
      type.classes[method] = static_cast<std::uint32_t>(std::stoul(id.is_string() ? id.get<std::string>() : id.dump()));
    }
    facts[row.Oid("oid")] = type;
    all.push_back(row.Oid("oid"));
  });
  std::map<TypeRules::Pair, bool> casts;
  ForEachRow(connection, sql_text::kReadCasts, {OidArray(all)}, [&](const Row& row) {
    casts[{row.Oid("source"), row.Oid("target")}] = row.Bool("coercible");
  });
  return {std::move(facts), std::move(casts)};
}

}  // namespace

SizedTypes ResolveTypes(pg::Connection& connection, const std::vector<std::string>& written,
                        const std::string& search_path) {
  SizedTypes types;
  if (written.empty()) return types;
  for (const auto& text : written) {
    if (types.contains(text) || text.find('\0') != std::string::npos) continue;
    connection.Exec("SAVEPOINT switchback_type");
    try {
      connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)", {search_path});
      if (const auto type = ResolveOne(connection, text)) types[text] = *type;
    } catch (const base::Error& error) {
      if (!SaysNoSuchType(error)) throw;
    }
    // This also puts the search path back.
    connection.Exec("ROLLBACK TO SAVEPOINT switchback_type; RELEASE SAVEPOINT switchback_type");
  }
  return types;
}

void ReadTypes(pg::Connection& connection, const std::vector<std::string>& written, const SizedTypes& asked,
               const SizedTypes& column_types, Catalog& catalog) {
  std::set<std::uint32_t> oids;
  for (const auto& [name, type] : asked) oids.insert(type.oid);
  for (const auto& [name, type] : column_types) oids.insert(type.oid);
  const auto rules = ReadRules(connection, oids);
  const auto names = CanonicalNames(connection, asked);

  for (const auto& text : written) catalog.types[text] = {text, false, {}};
  for (const auto& [name, type] : column_types) catalog.types[name] = {name, true, rules.EqualityOf(type.oid)};
  for (const auto& [text, type] : asked) {
    const auto& name = names.at(type);
    catalog.types[text] = {name, true, rules.EqualityOf(type.oid)};
    for (const auto& [column_name, column_type] : column_types) {
      catalog.casts[{column_name, name}] = rules.Between(column_type, type);
      catalog.casts[{name, column_name}] = rules.Between(type, column_type);
    }
  }
  for (auto& [table_name, table] : catalog.tables) {
    for (auto& column : table.columns) {
      column.equality = rules.EqualityOf(column_types.at(column.type).oid);
      // Its own collation may take different texts for equal.
      column.equality.exact = column.equality.exact && column.collation.empty();
    }
  }
}

}  // namespace catalog
