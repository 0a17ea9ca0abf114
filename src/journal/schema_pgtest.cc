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

}  // namespace
}  // namespace journal
