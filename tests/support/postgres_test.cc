#include "postgres_test.h"

#include <fmt/core.h>

#include <optional>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "fixture_server.h"
#include "pg/quote.h"

namespace test {
namespace {

bool Answers(const std::string& url) {
  try {
    pg::Connection::Open({.conninfo = url, .application_name = "test"});
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

// The fixture's server; where a test program is run by hand and there is none, one that lives as long as this process.
const std::string& ServerUrl() {
  base::Debug("looking for the server of this run");  // the log is made before, and so outlives, the server
  static std::optional<sandbox::Workspace> workspace;
  static std::optional<sandbox::Server> server;
  static const std::string url = [] {
    std::string found = base::ReadFileIfExists(SB_FIXTURE_FILE).value_or("");
    found = found.substr(0, found.find('\n'));
    if (!found.empty() && Answers(found)) return found;
    sandbox::Workspace::SweepStale();
    workspace.emplace("test");
    server.emplace(StartFixtureServer(*workspace));
    return server->Url();
  }();
  return url;
}

pg::Connection Administrator() {
  return pg::Connection::Open({.conninfo = ServerUrl(), .application_name = "test setup"});
}

// The server's URL with another database, percent-encoded throughout.
std::string UrlOf(const std::string& database) {
  std::string encoded;
  for (const char c : database) encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  std::string url = ServerUrl();
  const std::string mark = "/postgres?";
  return url.replace(url.find(mark), mark.size(), "/" + encoded + "?");
}

}  // namespace

void PostgresTest::SetUp() {
  database_ = fmt::format("Test \"{}\" 'ü\\", base::RandomHex(6));
  Administrator().Exec("CREATE DATABASE " + pg::Ident(database_));
  url_ = UrlOf(database_);
}

void PostgresTest::TearDown() {
  if (url_.empty()) return;
  auto administrator = Administrator();
  // A slot keeps its database from being dropped.
  administrator.Query(
      "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE database = $1 AND active_pid IS "
      "NOT NULL",
      {database_});
  administrator.Query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1",
                      {database_});
  administrator.Exec("DROP DATABASE " + pg::Ident(database_) + " WITH (FORCE)");
}

pg::Connection PostgresTest::Connect(const std::string& application_name) const {
  return pg::Connection::Open({.conninfo = url_, .application_name = application_name});
}

}  // namespace test
