#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/error.h"
#include "catalog/read.h"
#include "postgres_test.h"
#include "recover/undo.h"
#include "run/look.h"
#include "run/runner.h"

namespace recover {
namespace {

class UndoTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    state_ = std::filesystem::temp_directory_path() / ("undo-test-" + base::RandomHex(6));
    plan_.release = "r";
    plan_.hex = "0badcafe";
    plan_.digest = "sha256:1";
    plan_.touched = base::Json::object();
    Add("expand.1", plan::Phase::kExpand, "public.a");
    Add("migrate.1", plan::Phase::kMigrate, "public.b");
    Add("contract.1", plan::Phase::kContract, "public.c");
  }

  void TearDown() override {
    std::filesystem::remove_all(state_);
    PostgresTest::TearDown();
  }

  void Add(const std::string& id, plan::Phase phase, const std::string& table) {
    plan::Step step;
    step.id = id;
    step.phase = phase;
    step.title = "create " + table;
    step.forward = {{"CREATE TABLE " + table + " ()"}};
    step.reverse = {{"DROP TABLE " + table}};
    const std::string exists = "SELECT to_regclass('" + table + "') IS NOT NULL";
    step.postcondition = {exists, "it is there"};
    step.reverse_postcondition = {"SELECT NOT (" + exists + ")", "it is gone"};
    plan_.steps.push_back(step);
  }

  template <typename Action>
  void WithSession(const Action& action) {
    auto connection = Connect();
    auto journal = run::OpenJournal(connection, plan_.release, state_);
    action(run::Session{.connect = {.conninfo = url()}, .plan = plan_, .journal = journal, .tag_secret = "s"});
  }

  std::int64_t Tables() {
    return Connect().Exec("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").Int(0, 0);
  }

  plan::Plan plan_;
  std::filesystem::path state_;
};

TEST_F(UndoTest, GoesBackToTheBoundaryAskedForAndNoFurther) {
  WithSession([](const run::Session& session) { run::RunTo(session, plan::Phase::kContract); });
  WithSession([](const run::Session& session) { EXPECT_EQ(UndoTo(session, plan::Phase::kExpand).steps, 2U); });
  EXPECT_EQ(Tables(), 1);
  WithSession([](const run::Session& session) { EXPECT_EQ(UndoTo(session, plan::Phase::kMigrate).steps, 0U); });
  WithSession([](const run::Session& session) { run::RunTo(session, plan::Phase::kContract); });
  EXPECT_EQ(Tables(), 3);
  WithSession([](const run::Session& session) { EXPECT_EQ(UndoTo(session, plan::Phase::kStart).steps, 3U); });
  EXPECT_EQ(Tables(), 0);
}

TEST_F(UndoTest, AStepThatFailedAndLeftNothingIsGivenUp) {
  Connect().Exec("CREATE TABLE public.a ()");
  WithSession(
      [](const run::Session& session) { EXPECT_THROW(run::RunTo(session, plan::Phase::kExpand), base::Error); });
  WithSession([this](const run::Session& session) {
    auto connection = Connect();
    EXPECT_TRUE(run::WhereItStands(connection, plan_, session.journal).failed);
    EXPECT_EQ(UndoTo(session, plan::Phase::kStart).steps, 0U);
    const auto position = run::WhereItStands(connection, plan_, session.journal);
    EXPECT_EQ(position.state, journal::Position::State::kClean);
    EXPECT_FALSE(position.failed);
  });
}

TEST_F(UndoTest, TouchesNothingWhereAStepHasNoWayBack) {
  plan_.steps[1].reverse.reset();
  WithSession([](const run::Session& session) { run::RunTo(session, plan::Phase::kContract); });
  WithSession([](const run::Session& session) {
    try {
      UndoTo(session, plan::Phase::kExpand);
      ADD_FAILURE() << "it went back";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kNoWayBack);
      EXPECT_NE(error.message().find("migrate.1"), std::string::npos);
    }
  });
  EXPECT_EQ(Tables(), 3);
  WithSession([](const run::Session& session) { EXPECT_EQ(UndoTo(session, plan::Phase::kMigrate).steps, 1U); });
}

}  // namespace
}  // namespace recover
