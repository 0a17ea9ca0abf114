#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "drill/acts.h"
#include "drill/queries.h"
#include "drill/sql_text.h"
#include "drill/traffic.h"
#include "postgres_test.h"

namespace drill {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// The role of the shop belongs to the whole server, which other tests share.
std::string SchemaWithoutRole() {
  std::string schema(sql_text::kShopSchema);
  for (const std::string_view text : {"CREATE ROLE shop LOGIN;", "TO shop;"}) {
    const auto at = schema.find(text);
    schema.replace(at, text.size(), text.starts_with("TO") ? "TO CURRENT_USER;" : "");
  }
  return schema;
}

class ShopTables : public test::PostgresTest {
 protected:
  void SetUp() override {
    test::PostgresTest::SetUp();
    connection_.emplace(Connect());
    connection_->Exec(SchemaWithoutRole());
  }
  void TearDown() override {
    connection_.reset();
    test::PostgresTest::TearDown();
  }
  void AddCustomer(int id, const std::string& name, const std::string& write) {
    connection_->Query("INSERT INTO public.customers (id, name, written_by) VALUES ($1, $2, $3)",
                       {std::to_string(id), name, write});
  }
  static LedgerLine Wrote(std::int64_t at_us, int id, const std::string& name, const std::string& write,
                          Outcome outcome = Outcome::kOk) {
    LedgerLine line;
    line.at_us = at_us;
    line.outcome = outcome;
    line.write = LedgerWrite{"customers", id, write, {{"name", name}}};
    return line;
  }

  std::optional<pg::Connection> connection_;
};

TEST_F(ShopTables, EveryStatementOfEachVersionPreparesOnItsSchema) {
  connection_->CheckPrepares(std::string(sql_text::kWrittenCustomers));
  connection_->CheckPrepares(std::string(sql_text::kWrittenOrders));
  for (const auto& [name, query] : ParseQueries(sql_text::kQueries18)) connection_->CheckPrepares(query.sql);
  for (const auto& [name, query] : ParseQueries(sql_text::kQueriesChangeOrder)) connection_->CheckPrepares(query.sql);
  connection_->Exec(std::string(kChange[0]) + std::string(kChange[1]));
  for (const auto& [name, query] : ParseQueries(sql_text::kQueries19)) connection_->CheckPrepares(query.sql);
}

TEST_F(ShopTables, TheChangeMeetsCustomersWithoutAName) {
  EXPECT_EQ(connection_->Query("SELECT count(*) FROM public.customers WHERE name IS NULL").Int(0, 0), 7);
}

TEST_F(ShopTables, AWriteThatIsNotThereIsLost) {
  AddCustomer(1000001, "Ada", "a-1");
  const std::vector<LedgerLine> lines = {Wrote(1, 1000001, "Ada", "a-1"), Wrote(2, 1000001, "Grace", "a-2"),
                                         Wrote(3, 1000002, "Seán", "a-3"),
                                         Wrote(4, 1000003, "Åsa", "a-4", Outcome::kUnknown)};
  const Account account = Compare(lines, *connection_);
  ASSERT_THAT(account.lost, SizeIs(2));
  EXPECT_EQ(account.lost[0].write, "a-2");
  EXPECT_EQ(account.lost[1].write, "a-3");
  EXPECT_EQ(account.acknowledged, 3);
  EXPECT_EQ(account.unknown, 1);
  EXPECT_EQ(account.unknown_present, 0);
  EXPECT_THAT(account.altered, IsEmpty());
}

TEST_F(ShopTables, AValueThatNobodyWroteIsAltered) {
  AddCustomer(1000001, "Adb", "a-1");
  const Account account = Compare(std::vector{Wrote(1, 1000001, "Ada", "a-1")}, *connection_);
  EXPECT_THAT(account.lost, IsEmpty());
  EXPECT_THAT(account.altered, SizeIs(1));
}

TEST_F(ShopTables, ATotalThatDoesNotAddUpIsAltered) {
  connection_->Exec("UPDATE public.orders SET total_cents = 1, written_by = 'a-1' WHERE id = 1");
  LedgerLine line;
  line.write = LedgerWrite{"orders", 1, "a-1", {{"quantity", "2"}}};
  const Account account = Compare(std::vector{line}, *connection_);
  ASSERT_THAT(account.altered, SizeIs(1));
  EXPECT_EQ(account.altered[0].column, "total_cents");
}

TEST_F(ShopTables, BothNamesOfARenamedColumnAreCompared) {
  AddCustomer(1000001, "Ada", "a-1");
  connection_->Exec("ALTER TABLE public.customers ADD COLUMN display_name text DEFAULT 'stale'");
  EXPECT_THAT(Compare(std::vector{Wrote(1, 1000001, "Ada", "a-1")}, *connection_).altered, SizeIs(1));
}

TEST_F(ShopTables, ARowThatNoLedgerKnowsIsCounted) {
  AddCustomer(1000001, "Ada", "a-1");
  EXPECT_EQ(Compare({}, *connection_).unledgered, 1);
}

TEST_F(ShopTables, AnUnknownWriteThatIsThereIsNeitherLostNorAltered) {
  AddCustomer(1000001, "Grace", "a-2");
  const Account account = Compare(
      std::vector{Wrote(1, 1000001, "Ada", "a-1"), Wrote(2, 1000001, "Grace", "a-2", Outcome::kUnknown)}, *connection_);
  EXPECT_THAT(account.lost, IsEmpty());
  EXPECT_THAT(account.altered, IsEmpty());
  EXPECT_EQ(account.unknown_present, 1);
}

}  // namespace
}  // namespace drill
