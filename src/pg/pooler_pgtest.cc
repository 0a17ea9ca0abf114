#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/error.h"
#include "base/process.h"
#include "pg/connection.h"
#include "pgbouncer.h"
#include "postgres_test.h"

namespace pg {
namespace {

using base::Code;
using testing::HasSubstr;

class PoolerTest : public test::PostgresTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    pooler_.emplace(url(), GetParam(), 1);
  }
  void TearDown() override {
    pooler_.reset();
    PostgresTest::TearDown();
  }
  [[nodiscard]] std::string Pooled(const std::string& more = "") const { return pooler_->Conninfo(more); }

 private:
  std::optional<test::PgBouncer> pooler_;
};

TEST_P(PoolerTest, IsRefusedAndNothingStaysBehindInItsSessions) {
  try {
    Connection::Open({.conninfo = Pooled()});
    FAIL() << "a pooler was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Code::kPooler) << error.Text();
    EXPECT_THAT(error.hint(), HasSubstr("address of the server itself"));
  }
  const auto seen = base::RunOrThrow({.argv = {"psql", "-XAtd", Pooled(), "-c", "SHOW search_path"}});
  EXPECT_EQ(seen.out, "\"$user\", public\n");
}

TEST_P(PoolerTest, IsNamedWhenItRefusesAStartupParameter) {
  try {
    Connection::Open({.conninfo = Pooled("options='-c work_mem=8MB'")});
    FAIL() << "a pooler was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Code::kPooler) << error.Text();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PoolerTest, testing::Values("transaction", "session"),
                         [](const auto& mode) { return mode.param; });

}  // namespace
}  // namespace pg
