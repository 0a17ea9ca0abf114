#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "run/drift.h"
#include "run/hand_plan.h"
#include "run/look.h"
#include "run/refill.h"
#include "run/runner.h"
#include "run/sql_text.h"
#include "run/stage.h"

namespace run {
namespace {

using base::Code;
using testing::HasSubstr;

const std::string kTable = "public.\"user \"\"accounts\"\"\"";

template <typename Action>
std::optional<base::Error> ErrorOf(const Action& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  return std::nullopt;
}

class Run : public Stage {};

TEST_F(Run, ForwardBackAndForwardAgain) {
  auto connection = Connect();
  const std::string start = Seen(connection, false);
  Forward(plan::Phase::kContract);
  const std::string end = Seen(connection, true);
  EXPECT_THAT(end, HasSubstr("display index"));
  EXPECT_EQ(Position().done, plan_.steps.size());
  EXPECT_TRUE(Back(plan::Phase::kStart).empty());
  EXPECT_EQ(Seen(connection, false), start);
  Forward(plan::Phase::kContract);
  EXPECT_EQ(Seen(connection, true), end);

  const auto journal = journal::Journal::Open(state_);
  const auto mirrored = journal::MirroredLines(connection, plan_.release);
  EXPECT_EQ(mirrored.size(), journal.events().size());
  bool locked = false;
  for (const auto& event : journal.events()) {
    if (event.kind != "outcome" || event.body.at("step") != "expand.1") continue;
    for (const auto& lock : event.body.at("locks")) locked = locked || lock.at("mode") == "ACCESS EXCLUSIVE";
  }
  EXPECT_TRUE(locked);
}

// Writers by the old name all the time: none of their statements may fail, and both sides tell the same in the end.
TEST_F(Run, UnderApplicationsThatWrite) {
  std::atomic<bool> stop{false};
  std::atomic<int> writes{0};
  std::atomic<int> failures{0};
  std::vector<std::jthread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      auto connection = Connect("application");
      for (int i = 0; !stop; ++i) {
        try {
          connection.Query("UPDATE " + kTable + " SET \"Name\" = $2 WHERE id = $1::int",
                           {std::to_string(1 + (i * 7 + w) % 3000), "written " + std::to_string(i)});
          connection.Query(
              "INSERT INTO " + kTable + " (id, \"Name\") VALUES ($1::int, 'new') ON CONFLICT (id) DO NOTHING",
              {std::to_string(10'000 + i * 2 + w)});
          ++writes;
        } catch (const base::Error& error) {
          ++failures;
          ADD_FAILURE() << error.Text();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
  }
  limits_.lock_retries = 50;
  auto connection = Connect();
  for (int round = 0; round < 2; ++round) {
    const int before = writes;
    Forward(plan::Phase::kMigrate);
    EXPECT_EQ(connection.Exec("SELECT count(*) FROM " + kTable + " WHERE \"display name\" IS DISTINCT FROM \"Name\"")
                  .Int(0, 0),
              0);
    Back(plan::Phase::kStart);
    EXPECT_GT(writes, before);
  }
  stop = true;
  writers.clear();
  EXPECT_EQ(failures, 0);
}

TEST_F(Run, TheWayBackOfAnUpdateLeavesAloneWhatWasChangedSince) {
  Forward(plan::Phase::kMigrate);
  auto connection = Connect();
  connection.Exec("UPDATE " + kTable + " SET age = 1 WHERE id = 10");           // the same column: a conflict
  connection.Exec("UPDATE " + kTable + " SET \"Name\" = 'new' WHERE id = 12");  // another one: none
  connection.Exec("DELETE FROM " + kTable + " WHERE id = 14");
  const base::Json kept = Back(plan::Phase::kStart);
  ASSERT_EQ(kept.size(), 2U) << kept.dump();
  EXPECT_EQ(kept[0].at("key").at("id"), "10");
  EXPECT_EQ(kept[0].at("reason"), "it was changed since");
  EXPECT_EQ(kept[1].at("reason"), "it was deleted since");
  const auto rows = connection.Exec("SELECT age FROM " + kTable + " WHERE id IN (10, 12, 16) ORDER BY id");
  EXPECT_EQ(rows.Text(0, 0) + " " + rows.Text(1, 0) + " " + rows.Text(2, 0), "1 12 16");
  EXPECT_NE(journal::Journal::Open(state_).Last("kept"), nullptr);
}

TEST_F(Run, ForwardAgainListsTheValuesThatItDrops) {
  Forward(plan::Phase::kMigrate);
  Back(plan::Phase::kStart);
  auto connection = Connect();
  connection.Exec("UPDATE " + kTable + " SET \"Name\" = 'by the old version' WHERE id = 5");
  connection.Exec("UPDATE " + kTable + " SET \"Name\" = 'unconvertible' WHERE id = 6");
  Forward(plan::Phase::kMigrate);
  const auto replaced = connection.Exec("SELECT key ->> 'id', dropped FROM switchback.replaced ORDER BY 1");
  ASSERT_EQ(replaced.rows(), 2);
  EXPECT_EQ(replaced.Text(0, 1), "name 5");
  const auto unconverted = connection.Exec("SELECT key ->> 'id', reason, relation FROM switchback.unconverted");
  ASSERT_EQ(unconverted.rows(), 1);
  EXPECT_EQ(unconverted.Text(0, 0), "6");
  EXPECT_EQ(unconverted.Text(0, 1), "because unconvertible");
}

TEST_F(Run, NamesWhoBlocksWhenItGivesUp) {
  auto blocker = Connect("the \"blocker\"");
  blocker.Exec("BEGIN; SELECT count(*) FROM " + kTable);
  const auto error = ErrorOf([&] { Forward(plan::Phase::kExpand); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLockGivenUp);
  EXPECT_EQ(error->exit(), base::Exit::kTransient);
  EXPECT_THAT(error->detail(), HasSubstr("pg_terminate_backend(" + std::to_string(blocker.BackendPid()) + ")"));
  EXPECT_THAT(error->detail(), HasSubstr("the \"blocker\""));
  EXPECT_NE(journal::Journal::Open(state_).Last("retry"), nullptr);
  EXPECT_EQ(Position().done, 0U);
  EXPECT_TRUE(Position().failed);
  blocker.Exec("ROLLBACK");
  Forward(plan::Phase::kExpand);
  EXPECT_EQ(Position().done, 2U);
}

TEST_F(Run, AFailedStepIsRolledBackAndCanBeRepeated) {
  plan_.steps[1].forward.push_back({"SELECT 1 / (SELECT count(*) FROM switchback.retired)"});
  auto connection = Connect();
  const auto error = ErrorOf([&] { Forward(plan::Phase::kExpand); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kStepFailed);
  EXPECT_EQ(error->sqlstate(), "22012");
  EXPECT_EQ(Position().done, 1U);
  EXPECT_EQ(connection.Exec("SELECT count(*) FROM pg_trigger WHERE tgname = '!sync'").Int(0, 0), 0);
  connection.Exec("INSERT INTO switchback.retired VALUES ('', '', '', '', '', '', '')");
  Forward(plan::Phase::kExpand);
  EXPECT_EQ(Position().done, 2U);
}

TEST_F(Run, AReleaseOfWhichNothingIsDoneTakesAnotherPlan) {
  const auto good = plan_.steps[0].forward;
  plan_.steps[0].forward = {{"SELECT 1 / 0"}};
  EXPECT_EQ(ErrorOf([&] { Forward(plan::Phase::kExpand); })->code(), Code::kStepFailed);
  plan_.steps[0].forward = good;
  plan_.digest = "sha256:corrected";
  Forward(plan::Phase::kExpand);
  Back(plan::Phase::kStart);
  auto connection = Connect();
  connection.Exec("ALTER TABLE " + kTable + " ALTER COLUMN \"Name\" SET DEFAULT 'x'");
  EXPECT_EQ(ErrorOf([&] { Forward(plan::Phase::kExpand); })->code(), Code::kDrifted);
  plan_.digest = "sha256:with the default";
  plan_.touched = catalog::Describe(catalog::Read(connection, {.relations = plan_.tables, .types = {}}), plan_.tables);
  Forward(plan::Phase::kExpand);
  EXPECT_EQ(Position().done, 2U);
}

TEST_F(Run, AnUnprovenStepAndARefusedOneLeaveNothing) {
  plan_.steps[1].postcondition = {"SELECT false", "pigs fly"};
  const auto unproven = ErrorOf([&] { Forward(plan::Phase::kExpand); });
  ASSERT_TRUE(unproven);
  EXPECT_EQ(unproven->code(), Code::kStepUnproven);
  EXPECT_THAT(unproven->message(), HasSubstr("pigs fly"));
  plan_.steps[1].precondition = {"SELECT false", "it rains"};
  const auto refused = ErrorOf([&] { Forward(plan::Phase::kExpand); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::kStepRefused);
  EXPECT_THAT(refused->message(), HasSubstr("it rains"));
  EXPECT_EQ(Position().done, 1U);
}

TEST_F(Run, RefusesAChangedDatabaseAndAnotherPlan) {
  Forward(plan::Phase::kExpand);
  auto connection = Connect();
  connection.Exec("ALTER TABLE " + kTable + " ALTER COLUMN \"Name\" SET DEFAULT 'x'");
  const auto drifted = ErrorOf([&] { Forward(plan::Phase::kMigrate); });
  ASSERT_TRUE(drifted);
  EXPECT_EQ(drifted->exit(), base::Exit::kStale);
  EXPECT_THAT(drifted->detail(), HasSubstr("default is 'x'"));
  connection.Exec("ALTER TABLE " + kTable + " ALTER COLUMN \"Name\" DROP DEFAULT; DROP TRIGGER \"!sync\" ON " + kTable);
  EXPECT_EQ(ErrorOf([&] { Forward(plan::Phase::kMigrate); })->code(), Code::kDrifted);

  plan_.digest = "sha256:another";
  EXPECT_EQ(ErrorOf([&] { Forward(plan::Phase::kMigrate); })->code(), Code::kOtherInputs);
}

// What the release does not need is in nobody's way, and stays visible; what it needs stops the way forward alone.
TEST_F(Run, OnlyWhatAReleaseNeedsStopsItAndAWayBackNeedsLess) {
  Forward(plan::Phase::kExpand);
  auto connection = Connect();
  connection.Exec("CREATE INDEX others ON " + kTable + " (id); GRANT SELECT ON " + kTable + " TO PUBLIC; ALTER TABLE " +
                  kTable + " ADD COLUMN extra int DEFAULT 1, REPLICA IDENTITY FULL");
  Drift drift = FindDrift(connection, plan_);
  EXPECT_TRUE(drift.forward.empty());
  EXPECT_TRUE(drift.undo.empty());
  EXPECT_EQ(drift.notices.size(), 4U);
  Forward(plan::Phase::kMigrate);
  EXPECT_EQ(FindDrift(connection, plan_).notices.size(), 4U) << "a step of ours is no reason to forget them";
  connection.Exec("REVOKE SELECT ON " + kTable + " FROM PUBLIC");
  EXPECT_EQ(FindDrift(connection, plan_).notices.size(), 3U) << "as if it had never been granted";

  connection.Exec("CREATE INDEX in_the_way ON " + kTable + " (\"Name\")");
  drift = FindDrift(connection, plan_);
  ASSERT_EQ(drift.forward.size(), 1U);
  EXPECT_THAT(drift.forward.front(), HasSubstr("in_the_way"));
  EXPECT_EQ(ErrorOf([&] { Forward(plan::Phase::kContract); })->code(), Code::kDrifted);
  Back(plan::Phase::kExpand);
  EXPECT_EQ(FindDrift(connection, plan_).forward.size(), 1U) << "nor is a way back";
  connection.Exec("ALTER TABLE " + kTable + " DISABLE TRIGGER \"!sync\"");
  EXPECT_EQ(ErrorOf([&] { Back(plan::Phase::kStart); })->code(), Code::kDrifted) << "what was written is in one column";
  connection.Exec("ALTER TABLE " + kTable + " ENABLE TRIGGER \"!sync\"");
  Back(plan::Phase::kStart);
  connection.Exec("DROP INDEX public.in_the_way");
  Forward(plan::Phase::kContract);
}

// A load with triggers off, or a partition attached with rows: neither direction is closed by it, and it is filled
// again.
TEST_F(Run, RowsThatComeBesideTheTriggersAreFilledAgainAndNoDrift) {
  Forward(plan::Phase::kMigrate);
  auto connection = Connect();
  const auto pending = [&] { return FindUnfilled(connection, plan_, Position().done); };
  EXPECT_TRUE(pending().empty());
  connection.Exec("SET session_replication_role = replica; UPDATE " + kTable +
                  " SET \"display name\" = NULL WHERE id IN (1, 2, 3)");
  ASSERT_EQ(pending().size(), 1U);
  EXPECT_EQ(pending()[0].rows, 3);
  EXPECT_EQ(Position().state, journal::Position::State::kClean);
  {
    auto journal = OpenJournal(connection, plan_.release, state_);
    EXPECT_EQ(FillAgain({.connect = {.conninfo = url()}, .plan = plan_, .journal = journal, .tag_secret = "s"}), 3);
  }
  EXPECT_TRUE(pending().empty());
  EXPECT_EQ(Position().done, plan_.EndOf(plan::Phase::kMigrate));
  connection.Exec("UPDATE " + kTable + " SET \"display name\" = NULL WHERE id = 4");
  Back(plan::Phase::kStart);
  Forward(plan::Phase::kMigrate);
  EXPECT_TRUE(pending().empty());
}

TEST_F(Run, AnInvalidIndexOfAKilledBuildIsDroppedAndBuiltAgain) {
  ASSERT_EQ(InChild("forward", plan::Phase::kMigrate, "run.after_intent@4=kill"), 137);
  auto connection = Connect();
  connection.Exec("UPDATE " + kTable + " SET \"Name\" = 'twice' WHERE id IN (1, 2)");
  EXPECT_TRUE(ErrorOf([&] {
    connection.Exec("CREATE UNIQUE INDEX CONCURRENTLY \"display index\" ON " + kTable + " (\"display name\")");
  }));
  Forward(plan::Phase::kMigrate);
  const auto index = connection.Exec(
      "SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'public.\"display index\"'::regclass");
  EXPECT_TRUE(index.Bool(0, 0));
  EXPECT_FALSE(index.Bool(0, 1));
}

TEST_F(Run, OneRunnerAtATime) {
  auto connection = Connect();
  auto journal = OpenJournal(connection, plan_.release, state_);
  const Session session{.connect = {.conninfo = url()}, .plan = plan_, .journal = journal, .tag_secret = "s"};
  {
    const Runner first(session);
    const auto error = ErrorOf([&] { Forward(plan::Phase::kExpand); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), Code::kLeaseHeld);
    EXPECT_EQ(error->exit(), base::Exit::kTransient);
    EXPECT_THAT(error->message(), HasSubstr(std::to_string(::getpid())));
  }
  Forward(plan::Phase::kExpand);
}

TEST_F(Run, AStoppedRunnerIsTakenOverAndCannotCommitWhenItWakes) {
  auto child = base::Child::Start(ChildCommand("forward", plan::Phase::kExpand, "run.after_intent@2=stop"),
                                  state_.string() + ".log");
  auto connection = Connect();
  const auto intents = [&] {
    int count = 0;
    const auto journal = journal::Journal::Open(state_);
    for (const auto& event : journal.events()) count += event.kind == "intent" ? 1 : 0;
    return count;
  };
  while (intents() < 2 && child.Running()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(child.Running());
  EXPECT_EQ(ErrorOf([&] { Forward(plan::Phase::kExpand); })->code(), Code::kLeaseHeld);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until it has surely stopped itself, heart and all
  connection.Exec("UPDATE switchback.lease SET expires_at = clock_timestamp()");
  Forward(plan::Phase::kExpand);
  Back(plan::Phase::kStart);
  const std::string before = Seen(connection, true);
  child.Signal(SIGCONT);
  const auto exit = child.Wait(std::chrono::seconds(60));
  ASSERT_TRUE(exit);
  EXPECT_NE(*exit, 0);
  EXPECT_EQ(Seen(connection, true), before);
  EXPECT_EQ(Position().done, 0U);
  std::filesystem::remove(state_.string() + ".log");
}

// With the locks of its step: the server ends its session, and applications go on.
TEST_F(Run, AStoppedRunnerLosesItsLocksAndSaysSoWhenItWakes) {
  base::Command command = ChildCommand("forward", plan::Phase::kExpand, "run.before_commit=stop");
  command.env["SB_TEST_IDLE_MS"] = "1000";
  auto child = base::Child::Start(std::move(command), state_.string() + ".log");
  auto application = Connect("application");
  const auto held = [&] {
    return application
        .Exec(
            "SELECT count(*) FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE l.granted AND l.mode = "
            "'AccessExclusiveLock' AND l.relation = 'public.\"user \"\"accounts\"\"\"'::regclass")
        .Int(0, 0);
  };
  while (held() == 0 && child.Running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(child.Running());
  const auto session = std::to_string(application
                                          .Exec("SELECT backend_pid FROM switchback.lease WHERE backend_pid IS NOT "
                                                "NULL")
                                          .Int(0, 0));
  application.SetLockTimeout(std::chrono::seconds(60));
  application.Exec("SELECT count(*) FROM public.\"user \"\"accounts\"\"\"");  // with the tool still stopped
  const auto refused = ErrorOf([&] { Forward(plan::Phase::kExpand); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code(), Code::kLeaseHeld);
  EXPECT_THAT(refused->detail(), HasSubstr("SELECT pg_terminate_backend(" + session + ");"));
  child.Signal(SIGCONT);
  const auto exit = child.Wait(std::chrono::seconds(60));
  ASSERT_TRUE(exit);
  EXPECT_NE(*exit, 0);
  EXPECT_THAT(base::ReadFile(state_.string() + ".log"), HasSubstr("this process was stopped, or its machine asleep"));
  const journal::Position position = Position();
  EXPECT_EQ(position.done, 0U);
  EXPECT_FALSE(position.half);
  Forward(plan::Phase::kExpand);
  std::filesystem::remove(state_.string() + ".log");
}

// Another operator meets it in the middle of its step.
TEST_F(Run, WhoHoldsTheRowOfTheLeaseIsNamed) {
  Forward(plan::Phase::kExpand);
  auto holder = Connect("the one before");
  holder.Exec("BEGIN; SELECT FROM switchback.lease FOR KEY SHARE");
  const auto error = ErrorOf([&] { Back(plan::Phase::kStart); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLeaseHeld);
  EXPECT_THAT(error->detail(), HasSubstr("pid " + std::to_string(holder.BackendPid()) + " (the one before"));
  holder.Exec("ROLLBACK");
}

TEST_F(Run, StopsAtASafePointWhenAsked) {
  const std::atomic<bool> stop{true};
  auto connection = Connect();
  auto journal = OpenJournal(connection, plan_.release, state_);
  const Session session{
      .connect = {.conninfo = url()}, .plan = plan_, .journal = journal, .tag_secret = "s", .stop = &stop};
  EXPECT_EQ(ErrorOf([&] { RunTo(session, plan::Phase::kContract); })->code(), Code::kInterrupted);
  EXPECT_EQ(Position().state, journal::Position::State::kClean);
}

TEST_F(Run, ItsSqlPrepares) {
  auto connection = Connect();
  journal::InstallSchema(connection);
  for (const auto& [name, text] : sql_text::kAll) {
    SCOPED_TRACE(name);
    connection.CheckPrepares(std::string(text));
  }
}

}  // namespace
}  // namespace run
