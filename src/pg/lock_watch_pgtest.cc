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
  waiter.SetLockTimeout(milliseconds(400));
  int attempts = 0;
  try {
    RetryForLocks(waiter, 1, "the table", [&] {
      ++attempts;
      const Transaction transaction(waiter);
      waiter.Exec("LOCK TABLE public.t IN SHARE MODE");
    });
    FAIL() << "it got the lock";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kLockTimeout);
    EXPECT_NE(error.detail().find("(blocker, user postgres, idle in transaction"), std::string::npos) << error.detail();
  }
  EXPECT_EQ(attempts, 2);
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
