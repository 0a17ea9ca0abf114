// What a release leaves standing when its steps are done: its stream, a restored server, and the fence of a cut-over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "base/file.h"
#include "base/process.h"
#include "needs_programs.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A release of one opaque statement, with damage that it declares: nothing of it is left for purge.
class Standing : public testing::Test {
 protected:
  void SetUp() override {
    project_.Connect().Exec(
        "CREATE TABLE public.orders(id int PRIMARY KEY, total int);"
        "INSERT INTO public.orders SELECT g, g FROM generate_series(1, 9) g");
    directory_ = project_.MakeRelease(
        "spoil", "DO $$ BEGIN UPDATE public.orders SET total = total * 1000 WHERE id <= 3; END $$;\n");
    base::WriteFile(directory_ / "release.yaml",
                    base::ReadFile(directory_ / "release.yaml") +
                        "opaque:\n  - {statement: 1, down: \"SELECT 1\", writes: {orders: [total]}}\n");
    project_.MakeRelease("other", "ALTER TABLE public.orders ADD COLUMN note text;\n");
    On({"plan", "other"}, 0);
    On({"run", "spoil"}, 0);
    project_.Connect().Exec(
        "UPDATE public.orders SET total = 7 WHERE id IN (2, 8); INSERT INTO public.orders VALUES (10, 1)");
  }

  base::Json On(const std::vector<std::string>& words, int exit) {
    const base::Json said = project_.On(words);
    EXPECT_EQ(said["exit"], exit) << words.front() << "\n" << said.dump(2);
    return said;
  }
  static void AwaitStop(int pid) {
    for (int i = 0; i < 6000; ++i) {
      const std::string text = base::ReadFileIfExists("/proc/" + std::to_string(pid) + "/stat").value_or("");
      if (text.find(") T") != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "it did not stop";
  }
  std::string Status() { return project_.Say({"status", "spoil"}).out; }
  std::int64_t Streams() {
    return project_.Connect()
        .Exec("SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)")
        .Int(0, 0);
  }

  test::ServedProject project_;
  std::filesystem::path directory_;
};

TEST_F(Standing, TheStreamOutlivesTheLastStepForTheLengthOfTheWindow) {
  EXPECT_THAT(Status(), AllOf(HasSubstr("complete, 1 of 1 steps done"), HasSubstr("the slot is kept until 20"),
                              HasSubstr("rollback window: open until")));
  EXPECT_THAT(project_.Say({"run", "spoil"}).out, HasSubstr("`switchback purge spoil` drops it"));
  On({"checkpoint", "other"}, 0);
  EXPECT_EQ(Streams(), 4) << "both releases have theirs";
  const base::Json loss = On({"restore", "spoil", "--dry-run"}, 0)["result"]["loss"];
  EXPECT_EQ(loss["evidenced_by"], "slot");
  EXPECT_EQ(loss["applications"], 1) << loss.dump(2);

  // The next command of any release ends it when the window is over.
  const std::string release = base::ReadFile(directory_ / "release.yaml");
  base::WriteFile(directory_ / "release.yaml", std::string(release).replace(release.find("24h"), 3, "1ms"));
  EXPECT_THAT(Status(), AllOf(HasSubstr("rollback window: ended"), HasSubstr("the next run or checkpoint drops it")));
  EXPECT_EQ(Streams(), 4) << "status only looks";
  On({"run", "other"}, 0);
  EXPECT_EQ(Streams(), 2);
  EXPECT_FALSE(std::filesystem::exists(project_.State("spoil") / "stream"));
  EXPECT_TRUE(std::filesystem::exists(project_.State("other") / "stream"));
  EXPECT_THAT(Status(), Not(HasSubstr("stream:")));
}

// A checkpoint in the middle would hold the damage that a restore is to lead away from.
TEST_F(Standing, NoCheckpointIsTakenWhileAStepStands) {
  const auto file = project_.State("spoil") / "checkpoint.json";
  const std::string before = base::ReadFile(file);
  const base::Json refused = On({"checkpoint", "spoil"}, 10);
  EXPECT_EQ(refused["error"]["code"], "SB3006");
  EXPECT_THAT(refused["error"]["message"].get<std::string>(), HasSubstr("complete, 1 of 1 steps done"));
  EXPECT_EQ(base::ReadFile(file), before);
  EXPECT_EQ(Streams(), 2) << "the slot of the checkpoint in force stays";

  On({"rollback", "spoil"}, 0);
  On({"checkpoint", "spoil"}, 0);
  const std::string after = base::ReadFile(file);
  EXPECT_NE(after, before);
  EXPECT_EQ(Streams(), 2) << "the former slot is gone";
  base::WriteFile(file, before);
  EXPECT_THAT(project_.Say({"gate", "spoil", "--for", "expand"}).out, HasSubstr("GO for expand"));
  EXPECT_EQ(base::ReadFile(file), after) << "the database has the one that the journal speaks of";
  base::WriteFile(file, before);
  project_.Connect().Exec("DELETE FROM switchback.file WHERE name = 'checkpoint.json'");
  EXPECT_THAT(project_.Say({"gate", "spoil", "--for", "expand"}).out,
              HasSubstr("The checkpoint is not the one that the journal speaks of last."));
}

// One of the two holds the release's lease, whichever they are.
TEST_F(Standing, ACheckpointAndARunBesideItExcludeEachOther) {
  base::Child checkpoint = base::Child::Start(
      {.argv = {SB_PROGRAM, "checkpoint", "other"},
       .env = {{"DATABASE_URL", project_.url()}, {"SWITCHBACK_FAILPOINT", "checkpoint.slot_made=stop"}},
       .cwd = project_.path()},
      project_.path() / "stopped");
  AwaitStop(checkpoint.pid());
  for (const char* command : {"checkpoint", "run"}) {
    const base::Json refused = On({command, "other"}, 20);
    EXPECT_EQ(refused["error"]["code"], "SB3101") << refused.dump(2);
  }
  checkpoint.Signal(SIGCONT);
  EXPECT_EQ(checkpoint.Wait(std::chrono::seconds(60)), 0) << base::ReadFile(project_.path() / "stopped");
  On({"run", "other"}, 0);
}

TEST_F(Standing, PurgeEndsTheWindowOfAReleaseThatHasNothingToPurge) {
  EXPECT_EQ(Streams(), 2);
  On({"run", "spoil", "--until", "purge"}, 0);
  EXPECT_EQ(Streams(), 2) << "nobody closed the window";
  On({"purge", "spoil"}, 0);
  EXPECT_EQ(Streams(), 0);
  EXPECT_FALSE(std::filesystem::exists(project_.State("spoil") / "stream"));
  EXPECT_THAT(Status(), AllOf(HasSubstr("rollback window: closed"), Not(HasSubstr("stream:"))));
}

// `status` and the gate know what came of a restore: from the salvage to the fence, its end, and the decisions.
TEST_F(Standing, ARestoreIsFollowedToTheEndOfItsCutOver) {
  const base::Json restored = On({"restore", "spoil", "--salvage"}, 0);
  EXPECT_THAT(restored["next"].get<std::string>(), HasSubstr("--cut-over"));
  base::Json status = On({"status", "spoil"}, 0);
  EXPECT_EQ(status["result"]["restored"]["url"], pg::Redacted(restored["result"]["url"].get<std::string>()));
  EXPECT_EQ(status["result"]["salvaged"]["as_restored"], 1) << status.dump(2);
  EXPECT_TRUE(status["result"]["fence"].is_null());
  EXPECT_THAT(Status(), HasSubstr("1 conflicts, not decided"));
  const auto closing = [this](const std::vector<std::string>& words) { return project_.On(words).dump(); };
  const std::vector<std::string> decided = {"close", "spoil", "--dry-run", "--decide", "conflicts=application"};
  EXPECT_THAT(closing({"close", "spoil", "--dry-run"}), HasSubstr("1 conflicts of a salvage are not decided"));
  EXPECT_THAT(closing(decided), Not(HasSubstr("conflicts of a salvage")));

  // Stopped behind the fence, while somebody makes a table.
  base::Child cut_over =
      base::Child::Start({.argv = {SB_PROGRAM, "restore", "spoil", "--cut-over"},
                          .env = {{"DATABASE_URL", project_.url()}, {"SWITCHBACK_FAILPOINT", "fence.raised=stop"}},
                          .inherit = base::Inherit::kAll,
                          .cwd = project_.path()},
                         project_.path() / "log");
  AwaitStop(cut_over.pid());
  EXPECT_THAT(Status(), AllOf(HasSubstr("read-only: 1 tables, by the fence of a cut-over that did not end"),
                              HasSubstr("`switchback restore spoil --cut-over` goes on")));
  project_.Connect().Exec("CREATE TABLE public.late(id int PRIMARY KEY)");
  cut_over.Signal(SIGCONT);
  EXPECT_EQ(cut_over.Wait(std::chrono::minutes(1)), 0);
  EXPECT_THAT(base::ReadFile(project_.path() / "log"), HasSubstr("not read-only: public.late, made since"));
  EXPECT_THAT(Status(), AllOf(HasSubstr("cut over: "), HasSubstr("not read-only: public.late"),
                              HasSubstr("next: decide the conflicts")));
  EXPECT_THAT(closing(decided), HasSubstr("1 conflicts of a salvage are not decided")) << "they stand elsewhere now";
  for (const char* release : {"spoil", "other"}) {
    EXPECT_THAT(On({"gate", release}, 10)["result"]["checks"].dump(), HasSubstr("1 tables are read-only"));
  }
  EXPECT_THAT(On({"restore", "spoil", "--go-on"}, 0)["next"].get<std::string>(), Not(HasSubstr("--cut-over")));

  const std::filesystem::path file = project_.path() / "decided.json";
  base::Json conflicts = base::ReadJsonFile(project_.State("spoil") / "conflicts.json");
  conflicts["conflicts"][0]["take"] = "application";
  base::WriteFile(file, conflicts.dump());
  On({"restore", "spoil", "--resolve", file.string()}, 0);
  status = On({"status", "spoil"}, 0);
  EXPECT_EQ(status["result"]["salvaged"]["as_restored"], 0);
  EXPECT_THAT(status["next"].get<std::string>(), testing::StartsWith("move the applications to "));

  On({"restore", "spoil", "--lift-fence"}, 0);
  status = On({"status", "spoil"}, 0);
  EXPECT_TRUE(status["result"]["fence"].is_null());
  EXPECT_EQ(status["next"], "switchback evidence build spoil");
  EXPECT_THAT(On({"gate", "spoil", "--for", "contract"}, 0)["result"].dump(), HasSubstr("No fence"));
}

// Its owner may well want it committed.
TEST_F(Standing, APreparedTransactionStopsACutOverBeforeTheFence) {
  project_.Connect().Exec("ALTER SYSTEM SET max_prepared_transactions = 2");
  project_.Restart();
  auto connection = project_.Connect();
  connection.Exec("BEGIN; INSERT INTO public.orders VALUES (11, 1); PREPARE TRANSACTION 'paid'");
  const std::string url = On({"restore", "spoil", "--salvage"}, 0)["result"]["url"];
  connection.Exec("SELECT pg_sleep_until(prepared + interval '2.1 s') FROM pg_prepared_xacts");
  EXPECT_THAT(On({"restore", "spoil", "--cut-over"}, 20)["error"].dump(),
              AllOf(HasSubstr("COMMIT PREPARED 'paid'"), HasSubstr("ROLLBACK PREPARED 'paid'")));
  EXPECT_EQ(connection.Exec("SELECT count(*) FROM pg_trigger WHERE tgname = 'switchback_fence'").Int(0, 0), 0);
  connection.Exec("COMMIT PREPARED 'paid'");
  On({"restore", "spoil", "--cut-over"}, 0);
  EXPECT_EQ(pg::Connection::Open({.conninfo = url}).Exec("SELECT count(*) FROM public.orders").Int(0, 0), 11);
}

}  // namespace
