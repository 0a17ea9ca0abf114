#pragma once

#include <filesystem>
#include <string>

#include "backup/local/local.h"
#include "backup/local/repository.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"
#include "source_server.h"

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
    return StartSource(workspace,
                       {{"wal_level", wal_level}, {"archive_command", backup::local::ArchiveCommand(repository)}});
  }
};

}  // namespace test
