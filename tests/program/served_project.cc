#include "served_project.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "pg/quote.h"
#include "program.h"

namespace test {

namespace fs = std::filesystem;

ServedProject::ServedProject(const std::string& database, fs::path repository,
                             const std::function<void(const fs::path&, const sandbox::Server&)>& before_init)
    : workspace_("test"), database_(database), project_(workspace_.path() / "project"), repository_(repository) {
  const auto account = sandbox::ServerAccount();
  if (repository_.empty()) {
    const fs::path backups = workspace_.path() / "backups";
    base::RunOrThrow({.argv = {"mkdir", backups.string()}, .cwd = "/", .account = account});
    repository_ = backups / "repository";
  }
  sandbox::ServerOptions options;
  options.binaries = sandbox::FindBinaries();
  options.data = workspace_.path() / "data";
  options.account = account;
  options.settings = {{"fsync", "off"}, {"autovacuum", "off"}};
  server_.emplace(sandbox::Server::Initialize(options));
  server_->Start();
  // As it is from PostgreSQL 15 on.
  for (const char* name : {"template1", "postgres"}) {
    pg::Connection::Open({.conninfo = server_->Url(name)}).Exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  }
  if (database_ != "postgres") ConnectTo("postgres").Exec("CREATE DATABASE " + pg::Ident(database_));
  base::MakeDirectories(project_, 0755);
  if (before_init) before_init(project_, *server_);
  const base::Json made = On({"init", "--apply", "--repository", repository_.string()});
  EXPECT_EQ(made["exit"], 0) << made;
  Restart();
}

pg::Connection ServedProject::ConnectTo(const std::string& database) const {
  pg::Connection connection = pg::Connection::Open({.conninfo = server_->Url(database), .application_name = "test"});
  connection.Exec("SET search_path = public");
  return connection;
}

void ServedProject::Restart() {
  server_->Stop();
  server_->Start();
}

fs::path ServedProject::MakeRelease(const std::string& name, const std::string& change) {
  const fs::path directory = project_ / "releases" / name;
  base::MakeDirectories(directory, 0755);
  base::WriteFile(directory / "release.yaml",
                  "version: 1\nowner: oncall@example.com\nrollback_window: 24h\nchange: change.sql\n");
  base::WriteFile(directory / "change.sql", change);
  return directory;
}

fs::path ServedProject::State(const std::string& name) const { return project_ / ".switchback" / "default" / name; }

base::Finished ServedProject::Say(const std::vector<std::string>& words,
                                  const std::map<std::string, std::string>& env) const {
  std::map<std::string, std::string> all = {{"DATABASE_URL", url()}};
  for (const auto& [name, value] : env) all[name] = value;
  return Switchback(project_, words, all);
}

base::Json ServedProject::On(const std::vector<std::string>& words,
                             const std::map<std::string, std::string>& env) const {
  std::map<std::string, std::string> all = {{"DATABASE_URL", url()}};
  for (const auto& [name, value] : env) all[name] = value;
  return Envelope(project_, words, all);
}

std::vector<std::string> SchemaLines(pg::Connection connection) {
  const pg::Result rows = connection.Exec(R"sql(
SET search_path = pg_catalog;
WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|switchback)')
SELECT 'column ' || attrelid::regclass || ' ' || quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)
       || CASE WHEN attnotnull THEN ' NOT NULL ' ELSE ' ' END || coalesce(pg_get_expr(adbin, adrelid), '') AS line
  FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class c ON c.oid = attrelid
 WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND relnamespace IN (SELECT oid FROM ours)
UNION ALL
SELECT 'constraint ' || conrelid::regclass || ' ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid)
       || CASE WHEN convalidated THEN '' ELSE ' not validated' END
  FROM pg_constraint WHERE connamespace IN (SELECT oid FROM ours)
UNION ALL
SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
 WHERE relnamespace IN (SELECT oid FROM ours)
UNION ALL
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
 WHERE NOT tgisinternal AND relnamespace IN (SELECT oid FROM ours)
UNION ALL
SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
ORDER BY line)sql");
  std::vector<std::string> lines;
  for (int row = 0; row < rows.rows(); ++row) lines.push_back(rows.Text(row, 0));
  return lines;
}

}  // namespace test
