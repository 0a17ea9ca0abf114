#include <gmock/gmock.h>

#include "base/error.h"
#include "postgres_test.h"
#include "proof/invariants.h"

namespace proof {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class InvariantsTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    Connect().Exec(
        "CREATE SEQUENCE public.s; CREATE TABLE public.orders (id int PRIMARY KEY, total numeric); INSERT INTO "
        "public.orders VALUES (1, 2.50)");
  }
  InvariantResult AskOne(const std::string& sql, const base::Json& expect,
                         milliseconds timeout = std::chrono::seconds(5)) {
    auto connection = Connect();
    const std::vector<InvariantResult> results = AskInvariants(connection, {{"named", sql, expect}}, timeout);
    EXPECT_EQ(results.size(), 1U);
    EXPECT_FALSE(connection.InTransaction());
    EXPECT_EQ(connection.Exec("SHOW statement_timeout").Text(0, 0), "0");
    EXPECT_EQ(connection.Exec("SHOW search_path").Text(0, 0).substr(0, 10), "pg_catalog");
    EXPECT_EQ(Orders(), 1);
    return results.at(0);
  }
  std::int64_t Orders() { return Connect().Exec("SELECT count(*) FROM public.orders").Int(0, 0); }
};

TEST_F(InvariantsTest, HoldsOrNotWithTheRolesOwnSearchPath) {
  const InvariantResult holds = AskOne("select count(*) from orders", 1);
  EXPECT_EQ(holds.holds, true);
  EXPECT_EQ(holds.found, "1");
  const InvariantResult broken = AskOne("select sum(total) from orders", 3);
  EXPECT_EQ(broken.holds, false);
  EXPECT_EQ(broken.found, "2.50");
  EXPECT_EQ(broken.expected, "3");
  EXPECT_EQ(AskOne("select total from orders", 2.5).holds, true);
  EXPECT_EQ(AskOne("select max(total) from orders where false", nullptr).holds, true);
  EXPECT_EQ(AskOne("select max(total) from orders where false", 0).found, "NULL");
  EXPECT_EQ(AskOne("select true", true).holds, true);
}

TEST_F(InvariantsTest, NeverWritesWhateverItsSqlTries) {
  for (const std::string sql :
       {"with d as (delete from orders returning 1) select count(*) from d", "delete from orders returning 0",
        "select 0; delete from orders", "commit; delete from orders", "set transaction read write", "commit",
        "select set_config('transaction_read_only', 'off', true)", "select nextval('s')"}) {
    EXPECT_EQ(AskOne(sql, 0).holds, std::nullopt) << sql;
    EXPECT_NE(AskOne(sql, 0).error, "") << sql;
  }
}

TEST_F(InvariantsTest, WhatCannotBeAskedSaysWhyAndTheOthersAreAsked) {
  EXPECT_THAT(AskOne("select count(*) from nowhere", 0).error, HasSubstr("nowhere"));
  EXPECT_THAT(AskOne("select 1, 2", 0).error, HasSubstr("1 rows of 2 columns"));
  EXPECT_THAT(AskOne("select id from orders where false", 0).error, HasSubstr("0 rows of 1 columns"));
  EXPECT_NE(AskOne("select 0 from pg_sleep(30)", 0, milliseconds(50)).error, "");
  auto connection = Connect();
  const auto results =
      AskInvariants(connection, {{"a", "select 1/0", 0}, {"b", "select 1", 1}}, std::chrono::seconds(5));
  EXPECT_EQ(results.at(0).holds, std::nullopt);
  EXPECT_EQ(results.at(1).holds, true);
}

TEST_F(InvariantsTest, ALostConnectionIsNoAnswer) {
  auto connection = Connect();
  EXPECT_THROW(AskInvariants(connection, {{"a", "select pg_terminate_backend(pg_backend_pid())::int", 1}},
                             std::chrono::seconds(5)),
               base::Error);
}

}  // namespace
}  // namespace proof
