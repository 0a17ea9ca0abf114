// Who stands in the way of a step: seen, named, waited for, ended where that was asked for.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "fixture_server.h"
#include "pg/lock_meter.h"
#include "pg/quote.h"
#include "pg/transaction.h"
#include "run/hand_plan.h"
#include "run/look.h"
#include "run/runner.h"
#include "run/stage.h"

namespace run {
namespace {

using base::Code;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kUserTable = "public.\"user \"\"accounts\"\"\"";
const pg::QualifiedName kUserName{"public", "user \"accounts\""};

class Locks : public Stage {
 protected:
  std::function<void()> meanwhile_;  // done once, when the run says something
  std::shared_ptr<pg::LockBudget> budget_;
  void SetUp() override {
    Stage::SetUp();
    for (plan::Step& step : plan_.steps) {
      step.locks = {
          {kUserName, step.kind == plan::StepKind::kConcurrent ? "SHARE UPDATE EXCLUSIVE" : "ACCESS EXCLUSIVE"}};
    }
  }

  // Forward to the end of `phase`; what it threw, and what it told in told().
  std::optional<base::Error> Go(plan::Phase phase) {
    auto connection = Connect();
    auto journal = OpenJournal(connection, plan_.release, state_);
    const Session session{.connect = {.conninfo = url(), .application_name = "switchback test", .lock_budget = budget_},
                          .plan = plan_,
                          .journal = journal,
                          .tag_secret = "secret",
                          .limits = limits_,
                          .stop = &stop_,
                          .progress = [this](const Progress& progress) {
                            if (meanwhile_) std::exchange(meanwhile_, {})();
                            const std::scoped_lock lock(mutex_);
                            told_ += progress.text + "\n";
                          }};
    try {
      RunTo(session, phase);
    } catch (const base::Error& error) {
      return error;
    }
    return std::nullopt;
  }
  std::string told() {
    const std::scoped_lock lock(mutex_);
    return told_;
  }
  [[nodiscard]] base::Json Last(const std::string& kind) const {
    const auto journal = journal::Journal::Open(state_);
    const journal::Event* event = journal.Last(kind);
    return event == nullptr ? base::Json() : event->body;
  }
  // As its last outcome has them.
  [[nodiscard]] base::Json LocksOf(const std::string& step) const {
    base::Json locks;
    const auto journal = journal::Journal::Open(state_);
    for (const auto& event : journal.events()) {
      if (event.kind == "outcome" && event.body.at("step") == step) locks = event.body.at("locks");
    }
    return locks;
  }
  void WaitUntilTold(const std::string& text) {
    for (int i = 0; i < 600 && told().find(text) == std::string::npos; ++i) {
      std::this_thread::sleep_for(milliseconds(50));
    }
    ASSERT_THAT(told(), HasSubstr(text));
  }
  [[nodiscard]] bool IndexExists() const {
    return Connect().Exec("SELECT to_regclass('public.\"display index\"') IS NOT NULL").Bool(0, 0);
  }

  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::string told_;
};

TEST_F(Locks, WhoBlocksForTooLongIsEndedWhereThatWasAskedFor) {
  limits_.lock_timeout = milliseconds(200);
  limits_.terminate_blockers_after = milliseconds(600);
  auto blocker = Connect("forgotten");
  blocker.Exec("BEGIN; SELECT count(*) FROM " + kUserTable);
  EXPECT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  const base::Json ended = Last("ended");
  ASSERT_EQ(ended["sessions"].size(), 1U) << ended;
  EXPECT_EQ(ended["sessions"][0]["pid"], blocker.BackendPid());
  EXPECT_EQ(ended["sessions"][0]["application"], "forgotten");
  EXPECT_EQ(ended["step"], "expand.1");
  EXPECT_THROW(blocker.Exec("SELECT 1"), base::Error);
}

// As an application sees it: for how long a lock is asked for in vain, in any time as long as the window.
TEST_F(Locks, NobodyWaitsBehindAStepForLongerThanTheBudgetAllows) {
  constexpr milliseconds kAllowed{300};
  constexpr milliseconds kWindow{2'000};
  budget_ = std::make_shared<pg::LockBudget>(kAllowed, kWindow);
  limits_.lock_timeout = milliseconds(250);
  limits_.lock_retries = 2;
  auto blocker = Connect("forgotten");
  blocker.Exec("BEGIN; SELECT count(*) FROM " + kUserTable);
  auto run = std::async(std::launch::async, [&] { return Go(plan::Phase::kExpand); });
  auto watcher = Connect("watcher");
  using Clock = std::chrono::steady_clock;
  std::vector<std::pair<Clock::time_point, Clock::duration>> waits;
  for (auto before = Clock::now(); run.wait_for(milliseconds(5)) != std::future_status::ready;) {
    const bool waits_now =
        watcher
            .Query("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass)", {kUserTable})
            .Bool(0, 0);
    const auto now = Clock::now();
    if (waits_now) waits.emplace_back(now, now - before);
    before = now;
  }
  const auto error = run.get();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLockGivenUp);
  ASSERT_FALSE(waits.empty());
  for (const auto& last : waits) {
    Clock::duration sum{0};
    for (const auto& [at, length] : waits) {
      if (at <= last.first && at > last.first - kWindow) sum += length;
    }
    EXPECT_LT(sum, kAllowed + milliseconds(150));  // two attempts would be 500
  }
  EXPECT_THAT(told(), AllOf(HasSubstr("so the next one is in"), HasSubstr("in the way:\npid"),
                            HasSubstr(fmt::format("SELECT pg_terminate_backend({});", blocker.BackendPid()))));
}

// Frozen with its locks, it keeps the others waiting until the server ends it: that has to fit into the budget, too.
TEST_F(Locks, ATransactionMayIdleNoLongerThanTheBudgetAllows) {
  Begin(10);
  Connect().Exec("CREATE TABLE public.idle (ms int)");
  plan_.steps.front().forward.push_back(
      {"INSERT INTO public.idle SELECT setting::int FROM pg_settings WHERE name = "
       "'idle_in_transaction_session_timeout'"});
  budget_ = std::make_shared<pg::LockBudget>(milliseconds(2000), std::chrono::seconds(60));
  EXPECT_FALSE(Go(plan::Phase::kExpand));
  EXPECT_LE(Connect().Exec("SELECT ms FROM public.idle").Int(0, 0), 2000);
}

TEST_F(Locks, ARunThatWaitsForRoomCanBeInterrupted) {
  budget_ = std::make_shared<pg::LockBudget>(milliseconds(100), milliseconds(60'000));
  limits_.lock_timeout = milliseconds(200);
  auto blocker = Connect("forgotten");
  blocker.Exec("BEGIN; SELECT count(*) FROM " + kUserTable);
  auto run = std::async(std::launch::async, [&] { return Go(plan::Phase::kExpand); });
  WaitUntilTold("so the next one is in");
  stop_ = true;
  const auto error = run.get();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kInterrupted);
}

TEST_F(Locks, APreparedTransactionIsNamedBeforeTheStepBegins) {
  auto connection = Connect();
  connection.Exec("BEGIN; UPDATE " + kUserTable +
                  " SET age = 1 WHERE id = 1; PREPARE TRANSACTION 'it''s \"half\" done'");
  const auto error = Go(plan::Phase::kExpand);
  connection.Exec("ROLLBACK PREPARED 'it''s \"half\" done'");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kObstructed);
  EXPECT_EQ(error->exit(), base::Exit::kTransient);
  EXPECT_THAT(error->detail(), AllOf(HasSubstr("user \"\"accounts"), HasSubstr("user postgres"),
                                     HasSubstr("ROLLBACK PREPARED 'it''s \"half\" done';")));
  EXPECT_EQ(Last("obstructed")["obstacles"].size(), 1U);
  EXPECT_TRUE(Last("intent").is_null());
  EXPECT_EQ(Go(plan::Phase::kExpand), std::nullopt);
}

// It comes while the step waits, so that the lock meets it.
TEST_F(Locks, APreparedTransactionIsNamedWhenTheStepGivesUp) {
  for (plan::Step& step : plan_.steps) step.locks.clear();
  limits_.lock_retries = 0;
  limits_.terminate_blockers_after = milliseconds(0);  // it is not a session that could be ended
  auto connection = Connect();
  connection.Exec("BEGIN; UPDATE " + kUserTable + " SET age = 1 WHERE id = 1; PREPARE TRANSACTION 'gid'");
  const auto error = Go(plan::Phase::kExpand);
  connection.Exec("ROLLBACK PREPARED 'gid'");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLockGivenUp);
  EXPECT_THAT(error->detail(), HasSubstr("COMMIT PREPARED 'gid';\n  ROLLBACK PREPARED 'gid';"));
  EXPECT_TRUE(Last("ended").is_null());
}

TEST_F(Locks, WhoHoldsARowOfABackfillIsNamedAndEndedWhereThatWasAskedFor) {
  limits_.lock_timeout = milliseconds(200);
  limits_.lock_retries = 0;
  ASSERT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  auto blocker = Connect("forgotten");
  blocker.Exec("BEGIN; SELECT id FROM " + kUserTable + " WHERE id = 1 FOR UPDATE");
  const auto error = Go(plan::Phase::kMigrate);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLockGivenUp);
  EXPECT_THAT(error->detail(), HasSubstr("pid " + std::to_string(blocker.BackendPid()) + " (forgotten"));
  limits_.terminate_blockers_after = milliseconds(100);
  EXPECT_EQ(Go(plan::Phase::kMigrate), std::nullopt);
  EXPECT_THROW(blocker.Exec("SELECT 1"), base::Error);
  const base::Json locks = LocksOf("migrate.1");
  ASSERT_EQ(locks.size(), 1U) << locks;
  EXPECT_EQ(locks[0]["mode"], "ROW EXCLUSIVE");
}

// Any role can take an advisory lock, so none of them decides anything.
TEST_F(Locks, AnAdvisoryLockOfAnotherRoleStopsNothing) {
  auto other = Connect("other");
  const std::string role = pg::Ident("other_" + base::RandomHex(4));
  other.Exec(fmt::format("CREATE ROLE {0}; SET ROLE {0}", role));
  other.Query("SELECT pg_advisory_lock(hashtext('switchback'), hashtext($1))", {plan_.release});
  other.Query("SELECT pg_advisory_lock(hashtext('switchback schema'))");
  EXPECT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  EXPECT_NO_THROW(other.Exec(fmt::format("RESET ROLE; DROP ROLE {}", role)));  // nor was its session ended
}

// The owner of a table may add a trigger after it was looked at; it never runs with the rights of a superuser's
// session.
TEST_F(Locks, CodeThatAnOwnerAddsMidwayIsSeenBeforeARowIsWritten) {
  const std::string role = pg::Ident("owner_" + base::RandomHex(4));
  Connect().Exec(
      fmt::format("CREATE ROLE {0}; CREATE SCHEMA theirs AUTHORIZATION {0}; ALTER TABLE {1} OWNER TO {0}; "
                  "CREATE TABLE public.proof (who text); GRANT ALL ON public.proof TO {0}",
                  role, kUserTable));
  ASSERT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  meanwhile_ = [&] {
    Connect("owner").Exec(fmt::format(
        "SET ROLE {0}; CREATE FUNCTION theirs.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM "
        "set_config('role', 'none', false); INSERT INTO public.proof VALUES (current_user); RETURN NEW; END$$; "
        "CREATE TRIGGER g BEFORE UPDATE ON {1} FOR EACH ROW EXECUTE FUNCTION theirs.f(); "
        "ALTER TABLE {1} ENABLE ALWAYS TRIGGER g",
        role, kUserTable));
  };
  const auto error = Go(plan::Phase::kMigrate);
  ASSERT_TRUE(error);
  EXPECT_THAT(error->detail(), HasSubstr("trigger g"));
  EXPECT_EQ(Connect().Exec("SELECT count(*) FROM public.proof").Int(0, 0), 0);
  Connect().Exec(fmt::format("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", role));
}

TEST_F(Locks, AConcurrentBuildSaysForWhomItWaitsAndRecordsItsLock) {
  ASSERT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  auto blocker = Connect("a long report");
  blocker.Exec("BEGIN; UPDATE " + kUserTable + " SET age = 1 WHERE id = 0");  // no row, so the backfill passes
  auto run = std::async(std::launch::async, [&] { return Go(plan::Phase::kMigrate); });
  WaitUntilTold("pid " + std::to_string(blocker.BackendPid()) + " (a long report");
  EXPECT_THAT(told(), HasSubstr("waits for"));
  blocker.Exec("COMMIT");
  EXPECT_EQ(run.get(), std::nullopt);
  bool recorded = false;
  for (const auto& lock : LocksOf("migrate.2")) {
    recorded = recorded || (lock.at("mode") == "SHARE UPDATE EXCLUSIVE" && lock.at("hold_ms") > 0);
  }
  EXPECT_TRUE(recorded);
}

TEST_F(Locks, AConcurrentBuildEndsWhoItWaitsForWhereThatWasAskedFor) {
  ASSERT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  limits_.terminate_blockers_after = milliseconds(700);
  auto blocker = Connect("a long report");
  blocker.Exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
  EXPECT_EQ(Go(plan::Phase::kMigrate), std::nullopt);
  EXPECT_EQ(Last("ended")["sessions"][0]["pid"], blocker.BackendPid());
}

TEST_F(Locks, AConcurrentBuildThatGivesUpLeavesNoIndex) {
  ASSERT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  limits_.lock_retries = 0;
  limits_.concurrent_lock_timeout = milliseconds(800);
  auto blocker = Connect("a long report");
  blocker.Exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");  // a snapshot, and no lock on the table
  const auto error = Go(plan::Phase::kMigrate);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLockGivenUp);
  EXPECT_EQ(error->target_changed(), base::Changed::kNo);
  EXPECT_THAT(error->detail(), HasSubstr("a long report"));
  EXPECT_FALSE(IndexExists());
  EXPECT_FALSE(Position().half);
  blocker.Exec("ROLLBACK");
  limits_.concurrent_lock_timeout = std::chrono::seconds(30);
  EXPECT_EQ(Go(plan::Phase::kMigrate), std::nullopt);
  EXPECT_TRUE(IndexExists());
}

TEST_F(Locks, AUniqueBuildThatMeetsDuplicatesLeavesNoIndex) {
  ASSERT_EQ(Go(plan::Phase::kExpand), std::nullopt);
  const auto at = plan_.steps.begin() + 3;
  const auto good = at->forward;
  at->forward = {{"CREATE UNIQUE INDEX CONCURRENTLY \"display index\" ON " + kUserTable + " (\"display name\")"}};
  Connect().Exec("UPDATE " + kUserTable + " SET \"Name\" = 'twice' WHERE id IN (1, 2)");
  const auto error = Go(plan::Phase::kMigrate);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->sqlstate(), "23505");
  EXPECT_FALSE(IndexExists());
  at->forward = good;
  EXPECT_EQ(Go(plan::Phase::kMigrate), std::nullopt);
}

// Found by the definition that the author's search_path gives its names.
TEST_F(Locks, AConcurrentBuildSeesTheAuthorsSchemas) {
  Connect().Exec("CREATE FUNCTION public.folded(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'");
  plan_.steps[3].search_path = "public";
  plan_.steps[3].forward = {
      {"CREATE INDEX CONCURRENTLY \"display index\" ON " + kUserTable + " (folded(\"display name\"))"}};
  EXPECT_EQ(Go(plan::Phase::kMigrate), std::nullopt);
}

TEST_F(Locks, NothingIsLockedWhileOneWaitsForTheNextAttempt) {
  limits_.lock_timeout = milliseconds(200);
  limits_.lock_retries = 4;
  auto blocker = Connect("reader");
  blocker.Exec("BEGIN; SELECT count(*) FROM " + kUserTable);
  auto run = std::async(std::launch::async, [&] { return Go(plan::Phase::kExpand); });
  auto reader = Connect("another reader");
  reader.SetLockTimeout(std::chrono::seconds(5));
  while (run.wait_for(milliseconds(0)) != std::future_status::ready) reader.Exec("SELECT 1 FROM " + kUserTable);
  const auto error = run.get();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), Code::kLockGivenUp);
}

TEST_F(Locks, TheLockOnADroppedTableIsRecorded) {
  auto connection = Connect();
  connection.Exec("CREATE TABLE public.gone (id int PRIMARY KEY)");
  pg::LockMeter meter({.conninfo = url()});
  pg::Transaction transaction(connection);
  meter.Mark();
  connection.Exec("DROP TABLE public.gone");
  meter.Sample(connection);
  transaction.Commit();
  const base::Json report = meter.Report({});
  ASSERT_EQ(report.size(), 1U) << report;
  EXPECT_EQ(report[0]["relation"], "public.gone");
  EXPECT_EQ(report[0]["mode"], "ACCESS EXCLUSIVE");
}

TEST(Wraparound, AVacuumAgainstItIsNamedBeforeTheStepBegins) {
  const sandbox::Workspace workspace("test");
  const auto server = test::StartFixtureServer(
      workspace,
      {{"autovacuum_freeze_max_age", "100000"}, {"autovacuum_naptime", "1"}, {"autovacuum_max_workers", "8"}});
  auto connection = pg::Connection::Open({.conninfo = server.Url()});
  // As slow as can be.
  CreateUsers(connection, 20000);
  connection.Exec("ALTER TABLE " + kUserTable +
                  " SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)");
  connection.Exec(
      "CREATE TABLE public.burnt (i int); DO $$ BEGIN FOR i IN 1..101000 LOOP BEGIN INSERT INTO public.burnt VALUES "
      "(i); "
      "EXCEPTION WHEN others THEN NULL; END; END LOOP; END $$");
  std::vector<pg::Obstacle> found;
  for (int i = 0; i < 400 && found.empty(); ++i) {
    found = pg::Obstacles(connection, {kUserName});
    std::this_thread::sleep_for(milliseconds(50));
  }
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, "vacuum");
  EXPECT_THAT(found[0].Text(), AllOf(HasSubstr("against wraparound"), HasSubstr("pg_stat_progress_vacuum"),
                                     Not(HasSubstr("pg_terminate_backend"))));
}

}  // namespace
}  // namespace run
