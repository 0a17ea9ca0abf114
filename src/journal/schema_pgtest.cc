#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "journal/mirror.h"
#include "journal/sql_text.h"
#include "pg/quote.h"
#include "pg/transaction.h"
#include "postgres_test.h"

namespace journal {
namespace {

class SchemaTest : public test::PostgresTest {};

TEST_F(SchemaTest, IsInstalledOnceAndCanBeInstalledAgain) {
  pg::Connection connection = Connect();
  EXPECT_FALSE(SchemaInstalled(connection));
  InstallSchema(connection);
  EXPECT_TRUE(SchemaInstalled(connection));
  connection.Exec(std::string(sql_text::kSchema));
  EXPECT_TRUE(SchemaInstalled(connection));
}

TEST_F(SchemaTest, OfAnOlderVersionIsBroughtUpToDateAndKeepsItsRows) {
  pg::Connection connection = Connect();
  InstallSchema(connection);
  connection.Exec(
      "DROP VIEW switchback.progress; DROP TABLE switchback.pause; INSERT INTO switchback.journal VALUES ('r', 1, "
      "'line')");
  EXPECT_TRUE(SchemaInstalled(connection));
  EXPECT_FALSE(SchemaCurrent(connection));
  InstallSchema(connection);
  EXPECT_TRUE(SchemaCurrent(connection));
  EXPECT_EQ(MirroredLines(connection, "r").size(), 1U);
}

// What default privileges give to others of all that the operator makes, they do not give of ours.
TEST_F(SchemaTest, NobodyElseGetsARightToWhatItMakes) {
  pg::Connection connection = Connect();
  const std::string reader = pg::Ident("reader_" + base::RandomHex(4));
  connection.Exec(
      fmt::format("CREATE ROLE {0}; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {0}; ALTER DEFAULT "
                  "PRIVILEGES GRANT ALL ON FUNCTIONS TO {0}; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO {0}",
                  reader));
  InstallSchema(connection);
  {
    pg::Transaction transaction(connection);
    connection.Exec("CREATE TABLE switchback.sbr_1_i1 AS SELECT 'secret' AS b1");
    Seal(connection);
    transaction.Commit();
  }
  connection.Exec("CREATE TABLE public.open (i int)");
  auto other = Connect();
  other.Exec("SET ROLE " + reader);
  EXPECT_NO_THROW(other.Exec("SELECT * FROM public.open"));
  for (const char* sql :
       {"SELECT * FROM switchback.sbr_1_i1", "SELECT * FROM switchback.journal",
        "UPDATE switchback.lease SET token = 0", "SELECT switchback.note('r', 't', 'c', 's', '{}', false, false)"}) {
    try {
      other.Exec(sql);
      ADD_FAILURE() << sql;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kPrivilege) << sql;
    }
  }
  connection.Exec(fmt::format("DROP OWNED BY {0}; DROP ROLE {0}", reader));
}

// A lock that any role can take decides nothing.
TEST_F(SchemaTest, AnAdvisoryLockOfAnotherKeepsNobodyFromInstalling) {
  auto other = Connect();
  other.Exec("SELECT pg_advisory_lock(hashtext('switchback schema'))");
  pg::Connection connection = Connect();
  connection.SetStatementTimeout(std::chrono::seconds(20));
  EXPECT_NO_THROW(InstallSchema(connection));
}

TEST_F(SchemaTest, TwoFirstRunsAtOnceBothFindIt) {
  std::vector<std::future<void>> runs;
  for (int i = 0; i < 4; ++i) {
    runs.push_back(std::async(std::launch::async, [this] {
      auto connection = Connect();
      InstallSchema(connection);
    }));
  }
  for (auto& run : runs) EXPECT_NO_THROW(run.get());
}

}  // namespace
}  // namespace journal
