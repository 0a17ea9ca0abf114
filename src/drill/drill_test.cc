#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "drill/conflicts.h"
#include "drill/ledger.h"
#include "drill/queries.h"
#include "drill/sql_text.h"
#include "drill/traffic.h"

namespace drill {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

LedgerLine At(std::int64_t at_us, Outcome outcome) {
  LedgerLine line;
  line.at_us = at_us;
  line.outcome = outcome;
  line.error = outcome == Outcome::kOk ? "" : "08006";
  return line;
}

TEST(Traffic, AnOutageLastsUntilTheFirstOfTwentySuccesses) {
  std::vector<LedgerLine> lines = {At(0, Outcome::kOk), At(100, Outcome::kFailed)};
  for (int i = 0; i < 19; ++i) lines.push_back(At(200 + i, Outcome::kOk));
  lines.push_back(At(500, Outcome::kUnknown));
  for (int i = 0; i < 20; ++i) lines.push_back(At(600 + i, Outcome::kOk));
  const Traffic traffic = Summarize(lines);
  EXPECT_EQ(traffic.down_us, 500);
  EXPECT_EQ(traffic.failed, 2);
  EXPECT_EQ(traffic.unknown, 1);
}

TEST(Traffic, TwoOutagesAddUpAndAnOpenOneLastsToTheEnd) {
  std::vector<LedgerLine> lines = {At(100, Outcome::kFailed)};
  for (int i = 0; i < 20; ++i) lines.push_back(At(200 + i, Outcome::kOk));
  lines.push_back(At(1000, Outcome::kFailed));
  lines.push_back(At(1300, Outcome::kOk));
  EXPECT_EQ(Summarize(lines).down_us, 100 + 300);
}

TEST(Traffic, NoFailureIsNoTimeDown) {
  EXPECT_EQ(Summarize(std::vector{At(1, Outcome::kOk), At(9, Outcome::kOk)}).down_us, 0);
}

TEST(Traffic, BetweenIsHalfOpen) {
  const std::vector<LedgerLine> lines = {At(1, Outcome::kOk), At(2, Outcome::kOk), At(3, Outcome::kOk)};
  EXPECT_THAT(Between(lines, 2, 3), SizeIs(1));
  EXPECT_THAT(Between(lines, 0, 1), SizeIs(0));
}

TEST(Queries, EachVersionHasTheRequestsOfTheShop) {
  for (const auto text : {sql_text::kQueries18, sql_text::kQueries19}) {
    const ShopQueries queries = ParseQueries(text);
    for (const char* name : {"add_customer", "rename_customer", "read_customer", "add_order", "read_order"}) {
      EXPECT_TRUE(queries.contains(name)) << name;
    }
  }
  EXPECT_THAT(ParseQueries(sql_text::kQueries18).at("add_customer").parameters,
              ElementsAre("row", "name", "phone", "write"));
}

TEST(Queries, AStatementWithoutANameIsRefused) { EXPECT_THROW(ParseQueries("-- a comment\nSELECT 1;\n"), base::Error); }
TEST(Queries, AStatementWithoutAnEndIsRefused) { EXPECT_THROW(ParseQueries("-- a()\nSELECT 1\n"), base::Error); }

// Order 7: its total is altered. Customer 8: its only writes are lost.
Account WithOneOfEach() {
  Account account;
  account.altered = {{"orders", 7, "total_cents", "300", "200"}};
  account.lost = {{"customers", 8, "a-1", {{"name", "Ida"}, {"phone", "1"}}},
                  {"customers", 8, "a-2", {{"name", "Ada"}}}};
  return account;
}

std::vector<LedgerLine> WroteToBoth() {
  LedgerLine order = At(1, Outcome::kOk);
  order.write = LedgerWrite{"orders", 7, "a-1", {}};
  LedgerLine customer = At(2, Outcome::kOk);
  customer.write = LedgerWrite{"customers", 8, "a-2", {}};
  return {order, customer};
}

base::Json ConflictsAbout(const std::string& total, const std::string& write, const std::string& row = "8") {
  return {{"conflicts",
           {{{"table", {"public", "orders"}},
             {"key", {{"id", "7"}}},
             {"column", "total_cents"},
             {"application", total},
             {"take", nullptr}},
            {{"table", {"public", "customers"}},
             {"key", {{"id", row}}},
             {"application", {{"id", row}, {"name", "Ada"}, {"phone", "1"}, {"written_by", write}}},
             {"take", nullptr}}}}};
}

TEST(Conflicts, WhatTheyNameWithItsValueIsNotLost) {
  const Named named = HoldAgainst(ConflictsAbout("200", "a-2"), WroteToBoth(), WithOneOfEach());
  EXPECT_EQ(named.conflicts, 2);
  EXPECT_THAT(named.unnamed, SizeIs(0));
  EXPECT_THAT(named.strange, SizeIs(0));
}

TEST(Conflicts, WithAnotherValueTheyNameNothing) {
  EXPECT_THAT(HoldAgainst(ConflictsAbout("300", "a-1"), WroteToBoth(), WithOneOfEach()).unnamed, SizeIs(3));
}

TEST(Conflicts, OfARowThatNobodyWroteToAreStrange) {
  const Named named = HoldAgainst(ConflictsAbout("200", "a-2", "9"), WroteToBoth(), WithOneOfEach());
  EXPECT_THAT(named.unnamed, SizeIs(2));
  EXPECT_THAT(named.strange, ElementsAre("customers 9"));
}

TEST(Ledger, ReadsBackInOrderOfTimeAndLeavesOutATornLine) {
  const auto directory = std::filesystem::temp_directory_path() / ("switchback-ledger-" + base::RandomHex(4));
  std::filesystem::create_directory(directory);
  LedgerLine later = At(20, Outcome::kUnknown);
  later.write = LedgerWrite{"customers", 7, "1.8.0-3", {{"name", "Conan O'Brien"}}};
  Ledger(directory / "a.ledger").Append(later);
  Ledger(directory / "b.ledger").Append(At(10, Outcome::kOk));
  std::ofstream(directory / "b.ledger", std::ios::app) << R"({"at_us": 5, "outc)";
  const auto lines = ReadLedgers(directory);
  std::filesystem::remove_all(directory);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].at_us, 10);
  EXPECT_EQ(lines[1].outcome, Outcome::kUnknown);
  EXPECT_EQ(lines[1].write->write, "1.8.0-3");
  EXPECT_EQ(lines[1].write->values.at("name"), "Conan O'Brien");
}

}  // namespace
}  // namespace drill
