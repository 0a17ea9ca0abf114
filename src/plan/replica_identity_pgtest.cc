// What the plan says of rows that the log does not keep whole, and what REPLICA IDENTITY in a change.sql becomes.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "catalog/read.h"
#include "plan/plan.h"
#include "postgres_test.h"

namespace plan {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

class ReplicaIdentityTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    Do("CREATE TABLE t (id int PRIMARY KEY, a int, b text); CREATE TABLE bare (n int);"
       "CREATE TABLE p (id int PRIMARY KEY, a int, b int) PARTITION BY RANGE (id);"
       "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)");
    release_.name = "20260101-whole";
    release_.change_path = "change.sql";
  }
  void Do(const std::string& sql) { Connect().Exec("SET search_path = public; " + sql); }

  catalog::Catalog Read() {
    const Needs needs = NeedsOf(release_);
    pg::Connection connection = Connect();
    return catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions});
  }
  Plan Compiled(const std::string& change) {
    release_.change_sql = change;
    return Compile(release_, Read());
  }
  // Of a statement that writes these columns.
  Plan Writing(const std::string& table, const std::vector<std::string>& columns) {
    release_.writes = {{1, {{table, columns}}}};
    return Compiled("DO $$ BEGIN END $$");
  }
  static std::vector<std::string> Texts(const Plan& plan) {
    std::vector<std::string> texts;
    for (const Notice& notice : plan.notices) texts.push_back(fmt::format("{} {}", Name(notice.phase), notice.text));
    return texts;
  }
  bool Holds(const Condition& condition) { return Connect().Exec(condition.sql).Bool(0, 0); }

  release::Release release_;
};

TEST_F(ReplicaIdentityTest, ThePlanSaysWhichColumnsWillNotBeEvidencedAndWhatFullCosts) {
  EXPECT_THAT(
      Texts(Writing("t", {"a"})),
      ElementsAre(AllOf(HasSubstr("migrate public.t: which of its columns migrate.1 will change is not evidenced"),
                        HasSubstr("REPLICA IDENTITY FULL, before plan and checkpoint are made anew"),
                        HasSubstr("of a size that is not known before ANALYZE; the statistics count none"))));
  EXPECT_THAT(Texts(Writing("t", {"*"})), IsEmpty()) << "such a step may change all of them";
  const std::string digest = Writing("t", {"a"}).digest;
  Do("INSERT INTO t SELECT g, g, repeat('x', 100) FROM generate_series(1, 900) g");
  Do("UPDATE t SET a = 0 WHERE id <= 300; DELETE FROM t WHERE id > 800");
  Do("ANALYZE t");
  const Plan counted = Writing("t", {"a"});
  EXPECT_EQ(counted.digest, digest) << "figures are outside of it";
  EXPECT_THAT(Texts(counted), ElementsAre(MatchesRegex(".*also log the row as it was, about 1[0-9][0-9] bytes;.*")));

  Do("ALTER TABLE t REPLICA IDENTITY FULL");
  const Plan whole = Writing("t", {"a"});
  EXPECT_EQ(whole.digest, digest) << "no step needs another one";
  EXPECT_THAT(Texts(whole), ElementsAre(HasSubstr("migrate public.t: REPLICA IDENTITY FULL: each UPDATE and DELETE")));
}

// Statistics that were counted for long enough tell what a day costs; others only what was counted.
TEST_F(ReplicaIdentityTest, TheCostIsThatOfADayWhereTheStatisticsAreOldEnough) {
  Do("SELECT pg_stat_reset(), pg_sleep(1.1)");
  release_.writes = {{1, {{"t", {"a"}}}}};
  release_.change_sql = "DO $$ BEGIN END $$";
  catalog::Catalog catalog = Read();
  catalog::Table& table = catalog.tables.at({"public", "t"});
  EXPECT_GE(table.counted_for, 1) << "since the last reset";
  EXPECT_LT(table.counted_for, 600);
  constexpr std::int64_t kHour = 3600;
  const auto cost = [&](std::int64_t rewritten, std::int64_t counted_for) {
    table.rewritten = rewritten;
    table.counted_for = counted_for;
    table.row_bytes = 100;
    const std::vector<std::string> texts = Texts(Compile(release_, catalog));
    return texts.empty() ? "" : texts.front().substr(texts.front().find("100 bytes; ") + 11);
  };
  EXPECT_EQ(cost(1'200'000, 12 * kHour), "the statistics count 2400000 of them a day: about 240.0 MB of log a day");
  EXPECT_EQ(cost(1'200'000, 48 * kHour), "the statistics count 600000 of them a day: about 60.0 MB of log a day");
  EXPECT_EQ(cost(30, kHour), "the statistics count 720 of them a day: less than 0.1 MB of log a day");
  EXPECT_EQ(cost(30'000, kHour - 1),
            "the statistics count 30000 of them, since when is not known: about 3.0 MB of log in that time");
}

TEST_F(ReplicaIdentityTest, ItIsThePartitionsThatCount) {
  Do("ALTER TABLE p REPLICA IDENTITY FULL");
  EXPECT_THAT(Texts(Writing("p", {"a"})),
              ElementsAre(AllOf(HasSubstr("not evidenced"), HasSubstr("and of each of its partitions"))));
  Do("ALTER TABLE p1 REPLICA IDENTITY FULL");
  EXPECT_THAT(Texts(Writing("p", {"a"})), ElementsAre(HasSubstr("public.p: REPLICA IDENTITY FULL")));
}

TEST_F(ReplicaIdentityTest, ATableWithoutAKeyIsNamed) {
  EXPECT_THAT(
      Texts(Compiled("UPDATE bare SET n = 1")),
      ElementsAre(AllOf(HasSubstr("public.bare: it has no key"), HasSubstr("salvage skips them all the same"))));
  Do("ALTER TABLE bare REPLICA IDENTITY FULL");
  EXPECT_THAT(Texts(Compiled("UPDATE bare SET n = 1")), ElementsAre(HasSubstr("public.bare: REPLICA IDENTITY FULL")));
}

TEST_F(ReplicaIdentityTest, AStepOfItsOwnWithAWayBackToTheFormerOne) {
  Do("CREATE TABLE u (id int PRIMARY KEY, \"K k\" int NOT NULL); CREATE UNIQUE INDEX \"I i\" ON u (\"K k\");"
     "ALTER TABLE u REPLICA IDENTITY USING INDEX \"I i\"");
  for (const char* change : {"ALTER TABLE u REPLICA IDENTITY FULL",
                             "ALTER TABLE u ADD COLUMN more int, REPLICA IDENTITY "
                             "/* the key */ USING INDEX u_pkey"}) {
    const Plan plan = Compiled(change);
    ASSERT_TRUE(plan.blockers.empty()) << plan.blockers.front().reason;
    const Step& step = plan.steps.back();
    EXPECT_EQ(step.phase, Phase::kExpand);
    ASSERT_EQ(step.locks.size(), 1U);
    EXPECT_EQ(step.locks[0].mode, "ACCESS EXCLUSIVE");
    EXPECT_FALSE(Holds(step.postcondition)) << step.title;
    EXPECT_TRUE(Holds(step.reverse_postcondition));
    Connect().Exec(step.forward.at(0).sql);
    EXPECT_TRUE(Holds(step.postcondition));
    EXPECT_FALSE(Holds(step.reverse_postcondition));
    Connect().Exec(step.reverse->at(0).sql);
    EXPECT_TRUE(Holds(step.reverse_postcondition)) << step.reverse_title;
  }
  // The release makes the rows whole before it writes them.
  release_.writes = {{2, {{"t", {"a"}}}}};
  EXPECT_THAT(Texts(Compiled("ALTER TABLE t REPLICA IDENTITY FULL; DO $$ BEGIN END $$")),
              ElementsAre(HasSubstr("expand public.t: each UPDATE and DELETE of it also logs the row as it was")));
}

TEST_F(ReplicaIdentityTest, WhatWouldStopTheApplicationsIsBlocked) {
  const auto blocked = [&](const std::string& change) {
    const Plan plan = Compiled(change);
    return plan.blockers.empty() ? "" : plan.blockers.front().object + ": " + plan.blockers.front().reason;
  };
  EXPECT_THAT(blocked("ALTER TABLE t REPLICA IDENTITY NOTHING"), HasSubstr("public.t: without an identity"));
  EXPECT_THAT(blocked("ALTER TABLE t REPLICA IDENTITY USING INDEX t_a"), HasSubstr("no valid unique index t_a"));
  EXPECT_THAT(blocked("ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t REPLICA IDENTITY DEFAULT"),
              HasSubstr("set twice"));
  EXPECT_EQ(blocked("ALTER TABLE bare REPLICA IDENTITY NOTHING"), "") << "it has none as it is";
  Do("ALTER TABLE bare REPLICA IDENTITY FULL");
  EXPECT_THAT(blocked("ALTER TABLE bare REPLICA IDENTITY DEFAULT"), HasSubstr("public.bare: without an identity"));
}

}  // namespace
}  // namespace plan
