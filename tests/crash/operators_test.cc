// Two operators at one release, one of them asleep; and a server that is replaced by its standby in the middle.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <set>
#include <thread>

#include "base/file.h"
#include "ground.h"
#include "writer.h"

namespace crash {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kRelease = Ground::kRelease;
const Words kForward = {"run", kRelease, "--until", "contract"};

class Operators : public testing::Test {
 public:
  static void SetUpTestSuite() { ground_ = std::make_unique<Ground>(); }
  static void TearDownTestSuite() { ground_.reset(); }

 protected:
  static Ground& ground() { return *ground_; }
  pg::Connection Connect() { return ground().Connect(); }

  void ExpectContracted() {
    EXPECT_EQ(ground().Now().net, ground().reference().forward[ground().contracted()].net);
    EXPECT_EQ(ground().On({"status", kRelease})["result"]["position"]["steps_done"], ground().contracted());
    EXPECT_EQ(ground().DoneTwice(), "");
  }

  // Another operator takes over from one who sleeps at a failpoint, and goes on; then the first one wakes up.
  void TakeOverFrom(const std::string& failpoint, bool fence_falls) {
    SCOPED_TRACE(failpoint);
    ground().Reset(Ground::Stage::kCheckpointed);
    Sleeper sleeper = ground().Sleep(kForward, failpoint);
    ASSERT_TRUE(sleeper.stopped);
    const base::Json refused = ground().On(kForward);
    EXPECT_EQ(refused["exit"], 20) << refused.dump(1);
    EXPECT_EQ(refused["error"]["code"], "SB3101");
    // What time does: the lease runs out, and the server ends sessions that idle inside a transaction.
    Connect().Exec("UPDATE switchback.lease SET expires_at = '-infinity'");
    if (fence_falls) {
      Connect().Exec(
          "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle in transaction' AND "
          "application_name = 'switchback'");
    }
    const base::Json taken = ground().On(kForward);
    ASSERT_EQ(taken["exit"], 0) << taken.dump(1);
    ExpectContracted();
    ASSERT_EQ(ground().On({"rollback", kRelease})["exit"], 0);
    const std::string before = ground().Now().all;
    const std::string journal = base::ReadFile(ground().State() / "journal.jsonl");
    const Met woken = ground().Wake(sleeper);
    EXPECT_TRUE(woken.exit == 20 || woken.exit == 30) << woken.exit << woken.said;
    EXPECT_EQ(ground().Now().all, before) << woken.said;
    EXPECT_EQ(base::ReadFile(ground().State() / "journal.jsonl"), journal);
  }

  static std::unique_ptr<Ground> ground_;
};

std::unique_ptr<Ground> Operators::ground_;

TEST_F(Operators, OneOfTwoGoesOnAndTheOtherIsToldSo) {
  ground().Reset(Ground::Stage::kCheckpointed);
  std::vector<base::Json> ended(2);
  {
    std::vector<std::jthread> both;
    for (base::Json& each : ended) both.emplace_back([&each] { each = ground().On(kForward); });
  }
  for (int again = 0; again < 3 && ended[0]["exit"] != 0 && ended[1]["exit"] != 0; ++again) {
    ended[0] = ground().On(kForward);
  }
  for (const base::Json& each : ended) {
    static const std::set<int> kTold = {0, 20, 30};
    EXPECT_TRUE(kTold.contains(each["exit"].get<int>())) << each.dump(1);
  }
  EXPECT_TRUE(ended[0]["exit"] == 0 || ended[1]["exit"] == 0);
  ExpectContracted();
}

TEST_F(Operators, OneWhoWakesUpAfterATakeoverWritesNothing) {
  for (const char* failpoint :
       {"run.before_intent", "run.after_intent@3", "backfill.after_batch", "run.after_outcome"}) {
    TakeOverFrom(failpoint, false);
  }
}

TEST_F(Operators, AnIndexBuildWhoseFenceFellDoesNotBegin) { TakeOverFrom("lease.fenced", true); }

// The journal knows of steps that the standby never got; and of none, once it is as it was then.
TEST(Failover, GoesOnOnlyWhereTheStandbyHasAllThatWasDone) {
  Ground ground;
  ground.Reset(Ground::Stage::kCheckpointed);
  {
    const Writer writer(ground.project().url());
    ASSERT_EQ(ground.On({"expand", kRelease})["exit"], 0);
  }
  ground.MakeStandby();
  ground.StopStandby();
  const fs::path then = ground.State().string() + ".then";
  fs::copy(ground.State(), then, fs::copy_options::recursive);
  ASSERT_EQ(ground.On({"migrate", kRelease})["exit"], 0);
  ground.FailOver();

  const base::Json refused = ground.On(kForward);
  EXPECT_EQ(refused["exit"], 12) << refused.dump(1);
  EXPECT_EQ(refused["error"]["code"], "SB3107");
  EXPECT_NE(refused["error"]["message"].get<std::string>().find("the server left it before step"), std::string::npos);

  fs::remove_all(ground.State());
  fs::rename(then, ground.State());
  const base::Json resumed = ground.On(kForward);
  ASSERT_EQ(resumed["exit"], 0) << resumed.dump(1);
  EXPECT_EQ(ground.Now().net, ground.reference().forward[ground.contracted()].net);
  EXPECT_NE(base::ReadFile(ground.State() / "journal.jsonl").find(R"("kind":"timeline")"), std::string::npos);
}

}  // namespace
}  // namespace crash
