#include <gtest/gtest.h>

#include "base/error.h"
#include "pg/lock_watch.h"
#include "pg/sql_text.h"
#include "pg/transaction.h"
#include "postgres_test.h"

namespace pg {
namespace {

using std::chrono::milliseconds;

class LockWatchTest : public test::PostgresTest {};

base::Json Blocker(const std::string& application, int age_ms, const std::string& backend, bool waits) {
  return {
      {"pid", 1}, {"application", application}, {"transaction_age_ms", age_ms}, {"backend", backend}, {"waits", waits}};
}

TEST(Endable, LeavesAloneWhoIsYoungOrWaitsOrIsNoApplication) {
  base::Json blockers = {
      Blocker("old", 1000, "client backend", false),        Blocker("young", 999, "client backend", false),
      Blocker("queued", 5000, "client backend", true),      Blocker("", 5000, "autovacuum worker", false),
      Blocker("switchback", 5000, "client backend", false), Blocker("", 5000, "prepared transaction", false)};
  blockers.push_back(Blocker("hidden", 0, "client backend", false));
  blockers.back()["transaction_age_ms"] = nullptr;
  const base::Json endable = Endable(blockers, "switchback", milliseconds(1000));
  ASSERT_EQ(endable.size(), 1U);
  EXPECT_EQ(endable[0]["application"], "old");
}

TEST_F(LockWatchTest, ASessionThatWentOnIsNotEnded) {
  Connect().Exec("CREATE TABLE public.t (i int)");
  auto blocker = Connect("blocker");
  blocker.Exec("BEGIN; LOCK TABLE public.t");
  auto waiter = Connect("waiter");
  LockWatch watch({.conninfo = url()}, waiter.BackendPid());
  waiter.SetLockTimeout(milliseconds(1000));
  EXPECT_THROW(waiter.Exec("SELECT * FROM public.t"), base::Error);
  const Waits waits = watch.Finish();
  ASSERT_EQ(waits.blockers.size(), 1U);
  EXPECT_EQ(waits.blockers[0]["pid"], blocker.BackendPid());
  EXPECT_GT(waits.by_relation.at("public.t").count(), 0);
  blocker.Exec("COMMIT; BEGIN; LOCK TABLE public.t");
  EXPECT_TRUE(EndSessions({.conninfo = url()}, waits.blockers).empty());
  blocker.Exec("COMMIT");
}

TEST_F(LockWatchTest, GivesUpWithTheBlockersName) {
  Connect().Exec("CREATE TABLE public.t (i int)");
  auto blocker = Connect("blocker");
  blocker.Exec("BEGIN; LOCK TABLE public.t");
  auto waiter = Connect("waiter");
  int attempts = 0;
  try {
    RetryForLocks(waiter, {.lock_timeout = milliseconds(400), .retries = 1}, "the table", [&](milliseconds timeout) {
      ++attempts;
      const Transaction transaction(waiter);
      SetLockTimeout(waiter, timeout);
      waiter.Exec("LOCK TABLE public.t IN SHARE MODE");
    });
    FAIL() << "it got the lock";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kLockTimeout);
    EXPECT_NE(error.detail().find("(blocker, user postgres, idle in transaction"), std::string::npos) << error.detail();
  }
  EXPECT_EQ(attempts, 2);
}

// What this session asks for in vain is seen by another: the sum of its waits in the window is what the budget allows.
TEST_F(LockWatchTest, AttemptsWaitNoLongerThanTheBudgetAllows) {
  Connect().Exec("CREATE TABLE public.t (i int)");
  auto blocker = Connect("blocker");
  blocker.Exec("BEGIN; SELECT * FROM public.t");
  const auto budget = std::make_shared<LockBudget>(milliseconds(450), milliseconds(60'000));
  auto waiter = Connection::Open({.conninfo = url(), .lock_budget = budget});
  milliseconds given{0};
  const auto attempt = [&](milliseconds timeout) {
    given += timeout;
    const Transaction transaction(waiter);
    SetLockTimeout(waiter, timeout);
    waiter.Exec("LOCK TABLE public.t");
  };
  const LockPatience patience{.lock_timeout = milliseconds(200), .retries = 50, .waits_for_room = false};
  EXPECT_THROW(RetryForLocks(waiter, patience, "the table", attempt), base::Error);
  EXPECT_GT(given, milliseconds(0));
  EXPECT_LE(given, milliseconds(450));
  EXPECT_GT(budget->Until(patience.lock_timeout, LockBudget::Clock::now()), milliseconds(0));
  blocker.Exec("COMMIT");
  // Another wait of the same process, for whatever, has no room either.
  const milliseconds before = given;
  EXPECT_THROW(RetryForLocks(waiter, patience, "the table", attempt), base::Error);
  EXPECT_EQ(given, before);
}

TEST_F(LockWatchTest, TheLocksOfATreeAreHadWithinOneTime) {
  Connect().Exec(
      "CREATE TABLE public.tree (i int) PARTITION BY LIST (i); CREATE TABLE public.a PARTITION OF public.tree FOR "
      "VALUES "
      "IN (1)");
  auto blocker = Connect("blocker");
  blocker.Exec("BEGIN; SELECT * FROM ONLY public.a");
  auto waiter = Connect("waiter");
  const Transaction transaction(waiter);
  SetLockTimeout(waiter, std::chrono::seconds(30));
  try {
    LockTables(waiter, "public.tree IN ACCESS EXCLUSIVE MODE", milliseconds(100));
    FAIL() << "it got the locks";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kLockTimeout);
  }
  blocker.Exec("COMMIT");
}

TEST_F(LockWatchTest, EachSqlFileIsPrepared) {
  auto connection = Connect();
  for (const auto& [name, text] : sql_text::kAll) {
    SCOPED_TRACE(name);
    connection.CheckPrepares(std::string(text));
  }
}

}  // namespace
}  // namespace pg
