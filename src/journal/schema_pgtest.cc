#include <gtest/gtest.h>

#include "journal/mirror.h"
#include "journal/sql_text.h"
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

}  // namespace
}  // namespace journal
