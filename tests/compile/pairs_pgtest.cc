// A change, done by their plan, ends as psql would have ended it, in schema and rows, or the plan refuses it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "ground.h"
#include "journal/mirror.h"
#include "postgres_test.h"
#include "statements.h"

namespace compile {
namespace {

class ChangeTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    auto connection = Connect();
    connection.Exec(kStart);
    journal::InstallSchema(connection);
  }
};

using ChangesTest = ChangeTest;

TEST_F(ChangesTest, EndAsPlainSqlEndsThemOrAreRefused) {
  Ground ground(url());
  int equal = 0;
  for (const std::string& change : kChanges) {
    const Outcome outcome = ground.Try(change);
    EXPECT_TRUE(outcome.kind == Outcome::Kind::kEqual || outcome.kind == Outcome::Kind::kRefused) << change << "\n"
                                                                                                  << outcome.text;
    if (outcome.kind == Outcome::Kind::kEqual) ++equal;
  }
  EXPECT_GE(equal, 10);
}

}  // namespace
}  // namespace compile
