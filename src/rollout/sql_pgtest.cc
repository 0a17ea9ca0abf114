#include <gtest/gtest.h>

#include "journal/mirror.h"
#include "postgres_test.h"
#include "rollout/sql_text.h"

namespace rollout {
namespace {

class SqlTest : public test::PostgresTest {};

TEST_F(SqlTest, EachFileIsPrepared) {
  pg::Connection connection = Connect();
  journal::InstallSchema(connection);
  for (const auto& [name, text] : sql_text::kAll) {
    SCOPED_TRACE(name);
    connection.CheckPrepares(std::string(text));
  }
}

}  // namespace
}  // namespace rollout
