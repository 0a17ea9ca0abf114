#pragma once

#include <map>
#include <string>

#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace test {

// Starts a server in WORKSPACE/source, for tests that back it up; `more` settings win.
inline sandbox::Server StartSource(const sandbox::Workspace& workspace,
                                   const std::map<std::string, std::string>& more = {}) {
  sandbox::ServerOptions options;
  options.binaries = sandbox::FindBinaries();
  options.account = sandbox::ServerAccount();
  options.data = workspace.path() / "source";
  options.role = "the boss";  // nothing may rely on a superuser called postgres
  options.settings = {{"wal_level", "logical"},
                      {"archive_mode", "on"},
                      {"fsync", "off"},
                      {"autovacuum", "off"},
                      {"max_prepared_transactions", "5"}};
  for (const auto& [name, value] : more) options.settings[name] = value;
  sandbox::Server made = sandbox::Server::Initialize(options);
  made.Start();
  // As it is from PostgreSQL 15 on.
  for (const char* database : {"template1", "postgres"}) {
    pg::Connection::Open({.conninfo = made.Url(database)}).Exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  }
  return made;
}

}  // namespace test
