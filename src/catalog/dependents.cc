#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "catalog/parts.h"
#include "catalog/rows.h"
#include "catalog/sql_text.h"

namespace catalog {
namespace {

using Kind = Dependent::Kind;

Kind KindOf(const std::string& word) {
  static const std::map<std::string, Kind> kKinds = {{"view", Kind::kView},
                                                     {"materialized view", Kind::kMaterializedView},
                                                     {"rule", Kind::kRule},
                                                     {"policy", Kind::kPolicy},
                                                     {"function", Kind::kFunction},
                                                     {"generated column", Kind::kGeneratedColumn},
                                                     {"row function", Kind::kFunction},
                                                     {"foreign key", Kind::kForeignKey},
                                                     {"statistics", Kind::kStatistics}};
  const auto found = kKinds.find(word);
  if (found == kKinds.end()) throw base::Error(base::Code::kInternal, "an unknown kind of dependent: " + word);
  return found->second;
}

// The same object may be found in several ways: a function by its argument and by its body, a publication by schema and
// table.
void Add(Table& table, Dependent dependent) {
  for (auto& known : table.dependents) {
    if (known.kind != dependent.kind || known.name != dependent.name) continue;
    for (auto& column : dependent.columns) {
      if (std::find(known.columns.begin(), known.columns.end(), column) == known.columns.end()) {
        known.columns.push_back(std::move(column));
      }
    }
    if (known.definition != dependent.definition) known.definition += "; " + dependent.definition;
    known.by_text = known.by_text || dependent.by_text;
    return;
  }
  table.dependents.push_back(std::move(dependent));
}

std::vector<std::string> ColumnsInText(const Table& table, const std::string& text) {
  std::vector<std::string> columns;
  for (const auto& column : table.columns) {
    if (HasWord(text, column.name)) columns.push_back(column.name);
  }
  return columns;
}

pg::QualifiedName TableIn(const base::Json& pair) {
  if (pair.is_null()) return {};
  return {pair.at(0).get<std::string>(), pair.at(1).get<std::string>()};
}

void AddByText(Table& table, const Row& row) {
  const auto body = row.Text("body");
  const bool names_table = HasWord(body, table.name.name);
  if (!names_table && !row.Bool("on_trigger")) return;
  auto columns = ColumnsInText(table, body);
  if (!names_table && columns.empty()) return;
  Add(table, {Kind::kFunction, row.Text("name"), std::move(columns), true, row.Text("definition")});
}

bool InWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool HasWord(std::string_view text, std::string_view name) {
  std::string needle;
  for (const char c : name) needle += c == '"' ? "\"\"" : std::string(1, c);
  if (needle.empty()) return false;
  const auto same = [](char a, char b) { return Lower(a) == Lower(b); };
  for (auto from = text.begin();; ++from) {
    from = std::search(from, text.end(), needle.begin(), needle.end(), same);
    if (from == text.end()) return false;
    const auto after = from + static_cast<std::ptrdiff_t>(needle.size());
    const bool begins = from == text.begin() || !InWord(needle.front()) || !InWord(*(from - 1));
    const bool ends = after == text.end() || !InWord(needle.back()) || !InWord(*after);
    if (begins && ends) return true;
  }
}

void ReadDependents(pg::Connection& connection, TablesByOid& tables, bool bodies) {
  std::vector<std::uint32_t> oids;
  for (const auto& [oid, table] : tables) oids.push_back(oid);
  const pg::Params wanted{OidArray(oids)};
  ForEachRow(connection, sql_text::kReadDependents, wanted, [&](const Row& row) {
    Add(tables.at(row.Oid("table_oid")), {KindOf(row.Text("kind")), row.Text("name"), row.Names("columns"), false,
                                          row.Text("definition"), TableIn(row.Json("of"))});
  });
  const auto publications =
      connection.ServerVersion() < 150000 ? sql_text::kReadPublications14 : sql_text::kReadPublications;
  ForEachRow(connection, publications, wanted, [&](const Row& row) {
    Add(tables.at(row.Oid("table_oid")),
        {Kind::kPublication, row.Text("name"), row.Names("columns"), false, row.Text("definition")});
  });
  if (bodies) {
    ForEachRow(connection, sql_text::kReadFunctions, wanted,
               [&](const Row& row) { AddByText(tables.at(row.Oid("table_oid")), row); });
  }
  for (auto& [oid, table] : tables) {
    std::sort(table.dependents.begin(), table.dependents.end(),
              [](const auto& a, const auto& b) { return std::tie(a.kind, a.name) < std::tie(b.kind, b.name); });
  }
}

}  // namespace catalog
