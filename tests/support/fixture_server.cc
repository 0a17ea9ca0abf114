#include "fixture_server.h"

#include "pg/connection.h"

namespace test {

sandbox::Server StartFixtureServer(const sandbox::Workspace& workspace,
                                   const std::map<std::string, std::string>& more) {
  sandbox::ServerOptions options;
  options.binaries = sandbox::FindBinaries();
  options.account = sandbox::ServerAccount();
  options.data = workspace.path() / "data";
  options.settings = {
      {"wal_level", "logical"}, {"max_connections", "100"},      {"max_wal_senders", "20"},
      {"fsync", "off"},         {"max_replication_slots", "20"}, {"max_prepared_transactions", "10"},
  };
  for (const auto& [name, value] : more) options.settings[name] = value;
  auto server = sandbox::Server::Initialize(options);
  server.Start();
  // As it is from PostgreSQL 15 on.
  for (const char* database : {"template1", "postgres"}) {
    pg::Connection::Open({.conninfo = server.Url(database)}).Exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  }
  return server;
}

}  // namespace test
