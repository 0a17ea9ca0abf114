#include "proof/unseen.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "base/json.h"
#include "proof/sql_text.h"

namespace proof {

StoredTables ReadStored(pg::Connection& connection, const std::vector<std::string>& publications) {
  StoredTables tables;
  const pg::Result rows =
      connection.Query(std::string(sql_text::kReadStored), {fmt::format("{}", fmt::join(publications, "\n"))});
  for (int i = 0; i < rows.rows(); ++i) {
    Stored table{.name = {rows.Text(i, 1), rows.Text(i, 2)},
                 .root = {rows.Text(i, 3), rows.Text(i, 4)},
                 .filenode = rows.Int(i, 5),
                 .key = {},
                 .uncovered = ""};
    if (const auto key = rows.Optional(i, 9)) {
      table.key = base::ParseJson(*key, "the server's answer").get<std::set<std::string>>();
    }
    const std::string name = table.name.Text();
    if (rows.Bool(i, 6)) {
      table.uncovered = fmt::format("{} is unlogged: nothing of it is in the stream", name);
    } else if (!rows.Bool(i, 7)) {
      table.uncovered = fmt::format("{} is in no publication: nothing of it is in the stream", name);
    } else if (!rows.Bool(i, 8)) {
      table.uncovered = fmt::format("{} has no key: its updates and deletes are not in the stream", name);
    }
    tables.emplace(rows.Int(i, 0), std::move(table));
  }
  return tables;
}

std::vector<std::string> Uncovered(pg::Connection& connection, const StoredTables& tables) {
  std::vector<std::string> sentences;
  for (const auto& [oid, table] : tables) {
    if (!table.uncovered.empty()) sentences.push_back(table.uncovered);
  }
  if (connection.Query("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)").Bool(0, 0)) {
    sentences.emplace_back("there are large objects: nothing of them is in the stream");
  }
  return sentences;
}

Seen See(pg::Connection& connection, const std::vector<std::string>& publications) {
  Seen seen{.tables = ReadStored(connection, publications), .uncovered = {}};
  seen.uncovered = Uncovered(connection, seen.tables);
  return seen;
}

std::vector<pg::QualifiedName> Rewritten(const StoredTables& before, const StoredTables& now) {
  std::vector<pg::QualifiedName> names;
  for (const auto& [oid, table] : now) {
    const auto known = before.find(oid);
    if (known != before.end() && known->second.filenode != table.filenode) names.push_back(table.name);
  }
  return names;
}

std::map<pg::QualifiedName, pg::QualifiedName> RootsOf(const StoredTables& tables) {
  std::map<pg::QualifiedName, pg::QualifiedName> roots;
  for (const auto& [oid, table] : tables) {
    if (table.root != table.name) roots.emplace(table.name, table.root);
  }
  return roots;
}

std::map<std::int64_t, std::set<std::string>> KeysOf(const StoredTables& tables) {
  std::map<std::int64_t, std::set<std::string>> keys;
  for (const auto& [oid, table] : tables) {
    if (!table.key.empty()) keys.emplace(oid, table.key);
  }
  return keys;
}

}  // namespace proof
