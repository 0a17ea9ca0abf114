#include <gmock/gmock.h>

#include <filesystem>

#include "base/digest.h"
#include "base/error.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "postgres_test.h"
#include "recover/diagnose.h"
#include "recover/sql_text.h"
#include "run/runner.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const pg::QualifiedName kUsers{"public", "us\"ers"};

plan::Step Step(const std::string& id, const std::string& forward, const std::string& reverse) {
  plan::Step step;
  step.id = id;
  step.phase = plan::Phase::kExpand;
  step.title = "do " + id;
  step.forward = {{forward}};
  step.reverse = {{{reverse}}};
  return step;
}

class DiagnoseTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    state_ = fs::temp_directory_path() / ("switchback-diagnose-" + base::RandomHex(6));
    Connect().Exec(
        "CREATE TABLE public.\"us\"\"ers\" (id int PRIMARY KEY, age int); "
        "INSERT INTO public.\"us\"\"ers\" VALUES (1, 30), (2, -1)");
    plan_.release = "20261122-ages";
    plan_.hex = "0badcafe";
    plan_.tables = {kUsers};
    plan_.claims = {{kUsers, false, {"name", "age"}, {}}};
    plan_.steps = {
        Step("expand.1", "ALTER TABLE public.\"us\"\"ers\" ADD COLUMN name text",
             "ALTER TABLE public.\"us\"\"ers\" DROP COLUMN name"),
        Step("expand.2", "ALTER TABLE public.\"us\"\"ers\" ADD CONSTRAINT adult CHECK (age > 0)",
             "ALTER TABLE public.\"us\"\"ers\" DROP CONSTRAINT adult"),
    };
    auto connection = Connect();
    plan_.touched = catalog::Describe(catalog::Read(connection, {.relations = {kUsers}, .types = {}}), {kUsers});
    plan_.observed = base::Json::object();
    plan_.digest = plan::DigestOf(plan_);
    release_.name = plan_.release;
    release_.invariants = {{"nobody is unborn", "select count(*) from \"us\"\"ers\" where age < 0", 1}};
  }
  void TearDown() override {
    fs::remove_all(state_);
    PostgresTest::TearDown();
  }

  void RunExpand() {
    journal::Journal journal = journal::Journal::Open(state_);
    pg::ConnectOptions connect;
    connect.conninfo = url();
    run::RunTo({.connect = connect, .plan = plan_, .journal = journal, .tag_secret = "s"}, plan::Phase::kExpand);
  }
  Diagnosis Look(bool reachable = true) {
    const journal::Journal journal = journal::Journal::Open(state_);
    auto connection = Connect("diagnose");
    const Case subject{.release = release_,
                       .plan = &plan_,
                       .journal = &journal,
                       .checkpoint = RestorePoint{"sb_point", "0/3000028", "20261122T120000", base::Now()},
                       .problems = {},
                       .now = base::Now()};
    return Diagnose(subject, reachable ? &connection : nullptr, reachable ? "" : "no route to host");
  }
  static std::vector<std::string> States(const Diagnosis& diagnosis) {
    std::vector<std::string> states;
    for (const auto& step : diagnosis.steps) states.push_back(step.state);
    return states;
  }
  static std::vector<std::string> Commands(const Diagnosis& diagnosis) {
    std::vector<std::string> commands;
    for (const auto& action : diagnosis.next) commands.push_back(action.command);
    return commands;
  }

  fs::path state_;
  plan::Plan plan_;
  release::Release release_;
};

TEST_F(DiagnoseTest, NothingBegunAndNothingWrong) {
  const Diagnosis found = Look();
  EXPECT_TRUE(found.Healthy()) << Text(found);
  EXPECT_THAT(States(found), ElementsAre("not begun", "not begun"));
  EXPECT_THAT(Commands(found), ElementsAre("switchback status 20261122-ages"));
  EXPECT_THAT(*found.drift, IsEmpty());
}

TEST_F(DiagnoseTest, NamesTheStepThatFailedWithWhatTheServerSaidAndWhatWasApplied) {
  EXPECT_THROW(RunExpand(), base::Error);
  release_.invariants[0].expect = 0;
  const Diagnosis found = Look();
  ASSERT_TRUE(found.trouble);
  EXPECT_EQ(found.trouble->step, "expand.2");
  EXPECT_EQ(found.trouble->what, "failed");
  EXPECT_THAT(found.trouble->error.dump(), HasSubstr("adult"));
  EXPECT_THAT(found.trouble->text, HasSubstr("rolled back"));
  EXPECT_THAT(States(found), ElementsAre("done", "rolled back"));
  EXPECT_EQ(found.invariants->at(0).holds, false);
  EXPECT_EQ(found.invariants->at(0).found, "1");
  EXPECT_THAT(*found.drift, IsEmpty());
  EXPECT_THAT(Commands(found), ElementsAre(HasSubstr("switchback explain SB"), "switchback expand 20261122-ages",
                                           "switchback rollback 20261122-ages --to start --way undo",
                                           "switchback restore 20261122-ages"));
  EXPECT_THAT(Text(found), testing::AllOf(HasSubstr("BROKEN"), HasSubstr("sb_point"), HasSubstr("not proven")));
  EXPECT_FALSE(found.Healthy());
}

TEST_F(DiagnoseTest, TheJournalAloneSpeaksWhereTheDatabaseDoesNot) {
  EXPECT_THROW(RunExpand(), base::Error);
  const Diagnosis found = Look(false);
  ASSERT_TRUE(found.trouble);
  EXPECT_EQ(found.trouble->step, "expand.2");
  EXPECT_THAT(States(found), ElementsAre("done", "rolled back"));
  EXPECT_FALSE(found.drift);
  EXPECT_FALSE(found.invariants);
  EXPECT_FALSE(found.Healthy());
  EXPECT_THAT(found.problems, ElementsAre(HasSubstr("no route to host")));
  EXPECT_EQ(Commands(found).front(), "switchback diagnose 20261122-ages");
}

TEST_F(DiagnoseTest, AStepWhoseEndIsNotOnRecordIsKnownToTheDatabaseOnly) {
  EXPECT_THROW(RunExpand(), base::Error);
  journal::Journal::Open(state_).Append("intent", {{"step", "expand.2"}, {"direction", "forward"}, {"token", 7}});
  const Diagnosis alone = Look(false);
  EXPECT_EQ(alone.trouble->what, "interrupted");
  EXPECT_THAT(alone.trouble->text, HasSubstr("only the database knows"));
  EXPECT_THAT(States(alone), ElementsAre("done", "not known"));
  const Diagnosis asked = Look();
  EXPECT_EQ(asked.trouble->what, "interrupted");
  EXPECT_THAT(States(asked), ElementsAre("done", "rolled back"));
}

TEST_F(DiagnoseTest, AChangeMadeBesideIsNamedFirst) {
  Connect().Exec("ALTER TABLE public.\"us\"\"ers\" ALTER COLUMN age TYPE bigint");
  const Diagnosis found = Look();
  ASSERT_EQ(found.drift->size(), 1U);
  EXPECT_THAT(found.drift->front(), HasSubstr("bigint"));
  EXPECT_EQ(found.next.front().command, "");
  EXPECT_THAT(found.next.front().why, HasSubstr("beside switchback"));
}

TEST_F(DiagnoseTest, ListsUnconvertedRowsBackfillsAndInvalidIndexes) {
  auto connection = Connect();
  journal::InstallSchema(connection);
  connection.Exec(
      "INSERT INTO switchback.unconverted (release, relation, \"column\", key, direction, reason) "
      "SELECT '20261122-ages', 'public.users', 'age', jsonb_build_object('id', g), 'up', 'no number' "
      "FROM generate_series(1, 30) AS g; "
      "INSERT INTO switchback.unconverted (release, relation, \"column\", key, direction) VALUES ('other', 't', 'c', "
      "'{}', 'up'); "
      "INSERT INTO switchback.backfill_cursor (release, step, relation, part, next_block, end_block, done, rows) "
      "VALUES "
      "('20261122-ages', 'migrate.1', 'public.users', 0, 10, 10, true, 100), "
      "('20261122-ages', 'migrate.1', 'public.users', 1, 14, 20, false, 40)");
  connection.Exec("INSERT INTO public.\"us\"\"ers\" VALUES (3, 30)");
  EXPECT_THROW(connection.Exec("CREATE UNIQUE INDEX CONCURRENTLY twice ON public.\"us\"\"ers\" (age)"), base::Error);
  const Diagnosis found = Look();
  EXPECT_EQ(found.unconverted.count, 30);
  EXPECT_EQ(found.unconverted.rows.size(), 20U);
  EXPECT_EQ(found.unconverted.rows[0].reason, "no number");
  ASSERT_EQ(found.backfills.size(), 1U);
  EXPECT_EQ(found.backfills[0].rows, 140);
  EXPECT_EQ(found.backfills[0].blocks_done, 14);
  EXPECT_EQ(found.backfills[0].blocks, 20);
  EXPECT_FALSE(found.backfills[0].done);
  EXPECT_THAT(found.invalid_indexes, ElementsAre("public.twice on public.\"us\"\"ers\""));
  EXPECT_FALSE(found.Healthy());
}

TEST_F(DiagnoseTest, WhatCannotBeReadIsAProblemAndTheRestIsStillLookedAt) {
  auto connection = Connect();
  const Case subject{.release = release_,
                     .plan = nullptr,
                     .journal = nullptr,
                     .checkpoint = std::nullopt,
                     .problems = {"The journal is broken in line 3."},
                     .now = base::Now()};
  const Diagnosis found = Diagnose(subject, &connection);
  EXPECT_THAT(found.problems, ElementsAre("The journal is broken in line 3."));
  EXPECT_EQ(found.invariants->at(0).holds, true);
  EXPECT_FALSE(found.Healthy());
}

TEST_F(DiagnoseTest, ItsSqlIsUnderstoodByTheServer) {
  auto connection = Connect();
  journal::InstallSchema(connection);
  for (const auto sql :
       {sql_text::kUsersTables, sql_text::kColumnExists, sql_text::kBackfillProgress, sql_text::kInvalidIndexes,
        sql_text::kApplications, sql_text::kSchemaObjects, sql_text::kCloseColumns, sql_text::kCloseConstraints,
        sql_text::kCloseFunctions, sql_text::kCloseTables, sql_text::kCloseWrite, sql_text::kUnprovenConstraints,
        sql_text::kRowsAside}) {
    connection.CheckPrepares(std::string(sql));
  }
}

}  // namespace
}  // namespace recover
