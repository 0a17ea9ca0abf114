#pragma once

#include <filesystem>
#include <string>

#include "backup/local/local.h"
#include "backup/local/repository.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace test {

// A server of a test's own that archives into a local repository beside it. Only rooms that may use `backup` include
// this.
struct ArchivingServer {
  explicit ArchivingServer(const std::string& wal_level = "logical")
      : repository(workspace.path() / "repository"), provider(repository), server(Start(wal_level)) {}

  [[nodiscard]] pg::Connection Connect(const std::string& url) const { return pg::Connection::Open({.conninfo = url}); }

  sandbox::Workspace workspace{"test"};
  std::filesystem::path repository;
  backup::local::LocalProvider provider;
  sandbox::Server server;

 private:
  sandbox::Server Start(const std::string& wal_level) {
    backup::local::PrepareRepository(repository);
    sandbox::ServerOptions options;
    options.binaries = sandbox::FindBinaries();
    options.account = sandbox::ServerAccount();
    options.data = workspace.path() / "source";
    options.role = "the boss";  // nothing may rely on a superuser called postgres
    options.settings = {{"wal_level", wal_level},
                        {"archive_mode", "on"},
                        {"archive_command", backup::local::ArchiveCommand(repository)},
                        {"fsync", "off"},
                        {"autovacuum", "off"}};
    sandbox::Server made = sandbox::Server::Initialize(options);
    made.Start();
    return made;
  }
};

}  // namespace test
