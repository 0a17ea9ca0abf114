#include "catalog/read.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "catalog/parts.h"
#include "catalog/rows.h"
#include "catalog/sql_text.h"
#include "pg/session.h"
#include "pg/transaction.h"

namespace catalog {
namespace {

// Temporary objects come last, so that none of them can pass for one of the system's.
constexpr const char* kPinned = "pg_catalog, pg_temp";

void SetSearchPath(pg::Connection& connection, const std::string& path) {
  connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)", {path});
}

// Everything is read under search_path pg_catalog, so that the server prints all other names qualified; the caller's
// own comes back afterwards. Where reading fails, the transaction fails with it and takes the setting along.
class PinnedSearchPath {
 public:
  explicit PinnedSearchPath(pg::Connection& connection) : connection_(connection) {
    before_ = connection.Query("SELECT pg_catalog.current_setting('search_path')").Text(0, 0);
    SetSearchPath(connection, kPinned);
  }
  void PutBack() { SetSearchPath(connection_, before_); }

 private:
  pg::Connection& connection_;
  std::string before_;
};

// The schemas that exist and may be used, "$user" resolved: the server's own reading of the setting.
std::vector<std::string> SchemasOf(pg::Connection& connection, const std::string& search_path) {
  SetSearchPath(connection, search_path);
  std::vector<std::string> schemas;
  ForEachRow(connection, "SELECT pg_catalog.to_json(pg_catalog.current_schemas(false)) AS schemas", {},
             [&](const Row& row) { schemas = row.Names("schemas"); });
  SetSearchPath(connection, kPinned);
  return schemas;
}

// OIDs of the tables that the names lead to; indexes are noted in the catalog once their tables are read.
std::vector<std::uint32_t> Resolve(pg::Connection& connection, const Request& request, const Catalog& catalog) {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const auto& relation : request.relations) {
    schemas.push_back(relation.schema);
    names.push_back(relation.name);
  }
  std::vector<std::uint32_t> oids;
  ForEachRow(connection, sql_text::kResolveRelations,
             {TextArray(schemas), TextArray(names), TextArray(catalog.search_path)},
             [&](const Row& row) { oids.push_back(row.Oid("table_oid")); });
  ForEachRow(connection, sql_text::kReadRelated, {OidArray(oids)},
             [&](const Row& row) { oids.push_back(row.Oid("oid")); });
  std::sort(oids.begin(), oids.end());
  oids.erase(std::unique(oids.begin(), oids.end()), oids.end());
  return oids;
}

bool MaySkipTriggers(pg::Connection& connection) {
  bool may = false;
  // Before version 15 the right to set a parameter could not be granted.
  ForEachRow(connection,
             connection.ServerVersion() >= 150000
                 ? "SELECT pg_catalog.has_parameter_privilege('session_replication_role', 'SET') AS may"
                 : "SELECT rolsuper AS may FROM pg_catalog.pg_roles WHERE rolname = current_user",
             {}, [&](const Row& row) { may = row.Bool("may"); });
  return may;
}

std::map<std::string, std::string> Refused(pg::Connection& connection, const std::vector<std::string>& statements,
                                           const std::string& search_path) {
  std::map<std::string, std::string> refused;
  SetSearchPath(connection, search_path);
  for (const std::string& statement : statements) {
    connection.Exec("SAVEPOINT understood");
    try {
      connection.CheckPrepares(statement);
    } catch (const base::Error& error) {
      if (error.code() != base::Code::kStatementFailed) throw;
      refused[statement] = error.message();
    }
    connection.Exec("ROLLBACK TO SAVEPOINT understood; RELEASE SAVEPOINT understood");
  }
  SetSearchPath(connection, kPinned);
  return refused;
}

Catalog ReadWithin(pg::Connection& connection, const Request& request) {
  PinnedSearchPath pinned(connection);
  Catalog catalog;
  std::string search_path;
  catalog.server_version = connection.ServerVersion();
  ForEachRow(connection, sql_text::kReadSetting, {}, [&](const Row& row) {
    catalog.database = row.Text("database");
    catalog.role = row.Text("role");
    catalog.encoding = row.Text("encoding");
    catalog.system_identifier = row.Text("system_identifier");
    search_path = row.Text("search_path");
  });
  catalog.may_skip_triggers = MaySkipTriggers(connection);
  catalog.search_path = SchemasOf(connection, search_path);
  if (request.own_settings) catalog.own_settings = pg::UnpinnedSettings(connection.options());

  SizedTypes column_types;
  const std::vector<std::uint32_t> oids = Resolve(connection, request, catalog);
  auto tables = ReadTables(connection, oids, column_types);
  ReadDependents(connection, tables, request.bodies);
  for (auto& [oid, table] : tables) {
    for (const auto& index : table.indexes) catalog.indexes[{table.name.schema, index.name}] = table.name;
    catalog.tables[table.name] = std::move(table);
  }
  if (request.taken_names) {
    ForEachRow(connection, sql_text::kReadTakenNames, {OidArray(oids)}, [&](const Row& row) {
      (row.Bool("constraint") ? catalog.taken_constraints : catalog.taken_relations)
          .insert({row.Text("schema"), row.Text("name")});
    });
  }
  ForEachRow(connection, sql_text::kReadRoutines, {TextArray(request.functions), OidArray(oids)}, [&](const Row& row) {
    catalog.routines[row.Text("name")].push_back({row.Bool("pure"), row.Text("definition")});
  });
  const auto asked = ResolveTypes(connection, request.types, search_path);
  ReadTypes(connection, request.types, asked, column_types, catalog);
  catalog.refused = Refused(connection, request.statements, search_path);
  pinned.PutBack();
  return catalog;
}

}  // namespace

Catalog Read(pg::Connection& connection, const Request& request) {
  std::optional<pg::Transaction> own;
  if (!connection.InTransaction()) own.emplace(connection, pg::Transaction::Isolation::kRepeatableRead, true);
  return ReadWithin(connection, request);
}

}  // namespace catalog
