// `watch`: the rollback conditions of a release and its ways back, from the migration to the end of the window.
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
using testing::IsEmpty;
using testing::Not;

// A release after migrate, with a condition that fires at once and one that must last.
class Watch : public testing::Test {
 protected:
  void SetUp() override {
    project_.Connect().Exec(
        "CREATE TABLE public.faults(text text);"
        "CREATE TABLE public.orders(id int PRIMARY KEY, total int NOT NULL);"
        "INSERT INTO public.orders SELECT g, g FROM generate_series(1, 9) g");
    yaml_ = project_.MakeRelease("wider",
                                 "ALTER TABLE public.orders RENAME COLUMN total TO amount;"
                                 "ALTER TABLE public.orders ALTER COLUMN amount TYPE bigint;\n") /
            "release.yaml";
    base::WriteFile(yaml_, base::ReadFile(yaml_) + R"yaml(
invariants:
  - {name: orders stay, sql: "select count(*) >= 9 from orders", expect: true}
rollback_conditions:
  - {name: negative totals, sql: "select count(*) from orders where total < 0", max: 0, then: undo}
  - {name: faults, sql: "select count(*) from faults", max: 0, then: restore}
  - {name: large totals, sql: "select count(*) from orders where total > 1000", max: 1, for: 1h, then: restore}
)yaml");
    On({"run", "wider"}, 0);
  }

  base::Json On(const std::vector<std::string>& words, int exit) {
    const base::Json said = project_.On(words);
    EXPECT_EQ(said["exit"], exit) << words.front() << "\n" << said.dump(2);
    return said;
  }
  base::Json Once(int exit) { return On({"watch", "wider", "--once"}, exit)["result"]; }
  base::Child Begin(const std::vector<std::string>& options) {
    std::vector<std::string> words = {SB_PROGRAM, "watch", "wider", "--every", "100ms"};
    words.insert(words.end(), options.begin(), options.end());
    return base::Child::Start({.argv = words,
                               .env = {{"DATABASE_URL", project_.url()}},
                               .inherit = base::Inherit::kAll,
                               .cwd = project_.path()},
                              log());
  }
  [[nodiscard]] std::filesystem::path log() const { return project_.path() / "log"; }
  void AwaitInLog(const std::string& text) {
    for (int i = 0; i < 600; ++i) {
      if (base::ReadFileIfExists(log()).value_or("").find(text) != std::string::npos) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "not said: " << text << "\n" << base::ReadFile(log());
  }
  std::string JournalText() { return base::ReadFile(project_.State("wider") / "journal.jsonl"); }
  void Replace(const std::string& what, const std::string& with) {
    std::string yaml = base::ReadFile(yaml_);
    base::WriteFile(yaml_, yaml.replace(yaml.find(what), what.size(), with));
  }

  test::ServedProject project_;
  std::filesystem::path yaml_;
};

TEST_F(Watch, ReadsTheStreamOnAndWritesNothingWhileAllIsWell) {
  project_.Connect().Exec("UPDATE public.orders SET total = total + 1");
  const std::string before = JournalText();
  const std::string end = project_.Connect().Exec("SELECT pg_current_wal_insert_lsn()").Text(0, 0);
  const base::Json sight = Once(0);
  EXPECT_THAT(sight["findings"], IsEmpty()) << sight.dump(2);
  EXPECT_EQ(sight["conditions"][0]["found"], 0);
  EXPECT_THAT(sight["rollback_window"].get<std::string>(), HasSubstr("open until 20"));
  EXPECT_EQ(JournalText(), before);
  EXPECT_TRUE(project_.Connect()
                  .Query("SELECT bool_and(confirmed_flush_lsn >= $1::pg_lsn) FROM pg_replication_slots", {end})
                  .Bool(0, 0))
      << "the slot need not keep what was read";
  project_.Connect().Exec("UPDATE public.orders SET amount = 3000000000 WHERE id = 9");
  EXPECT_THAT(Once(0)["findings"].dump(), HasSubstr("undo has no way back for 1 rows")) << "which is what it is for";
  const base::Json some = On({"watch", "wider", "--for", "300ms", "--every", "1h"}, 0)["result"];
  EXPECT_EQ(some["looks"], 2) << "at the beginning and at the end";
}

TEST_F(Watch, EndsWithTheWayBackWhenAConditionFires) {
  project_.Connect().Exec("UPDATE public.orders SET total = 2000 WHERE id < 4");
  base::Child watch = Begin({});
  AwaitInLog("the rollback condition \"large totals\" is above 1 since 20");
  EXPECT_TRUE(watch.Running()) << "it must last an hour";
  project_.Connect().Exec("UPDATE public.orders SET total = -7 WHERE id = 9");
  EXPECT_EQ(watch.Wait(std::chrono::minutes(1)), 10);
  EXPECT_THAT(base::ReadFile(log()),
              AllOf(HasSubstr("wider: this calls for a way back"), HasSubstr("\"negative totals\" is above 0"),
                    HasSubstr("next: switchback rollback wider")));

  // It is in the journal and the evidence, once.
  On({"watch", "wider", "--once"}, 10);
  On({"evidence", "build", "wider"}, 0);
  const std::string shown = project_.Say({"evidence", "show", "wider"}).out;
  const auto at = shown.find("Rollback conditions that fired");
  ASSERT_NE(at, std::string::npos) << shown;
  EXPECT_EQ(shown.find("negative totals", at), shown.rfind("negative totals", shown.find("## Rollback conditions\n")))
      << shown;

  project_.Connect().Exec("UPDATE public.orders SET total = 1");
  Once(0);
  project_.Connect().Exec("DELETE FROM public.orders WHERE id = 1");
  EXPECT_THAT(Once(10)["findings"].dump(), HasSubstr("\\\"orders stay\\\" does not hold: f"));
  On({"rollback", "wider"}, 0);
  EXPECT_EQ(Once(0)["over"], "the release was taken back");
}

TEST_F(Watch, TellsOfTheStreamBeforeItIsLost) {
  project_.Connect().Exec("ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'");
  project_.Connect().Exec("SELECT pg_reload_conf()");
  base::Child watch = Begin({"--json"});
  const auto write_segment = [&] {
    project_.Connect().Exec("UPDATE public.orders SET total = total + 1; SELECT pg_switch_wal()");
  };
  AwaitInLog("\"watch\":\"begins\"");
  for (int i = 0; i < 4; ++i) write_segment();
  AwaitInLog("the stream is soon lost: the slot switchback_");
  EXPECT_THAT(base::ReadFile(log()), Not(HasSubstr("the stream is lost")));
  for (int i = 0; i < 4; ++i) write_segment();
  project_.Connect().Exec("CHECKPOINT");
  AwaitInLog("the stream is lost, what it fed is not evidenced: the server gave up the slot");

  // Away for a moment, and there again.
  project_.Restart();
  AwaitInLog("\"about\":\"the database (looking)\"");
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(std::chrono::minutes(1)), 143);
  EXPECT_THAT(Once(11)["findings"].dump(), HasSubstr("\"about\":\"stream\""));
}

TEST_F(Watch, AStuckLockHidesNothingAndASignalWaitsForNoQuestion) {
  {
    auto stuck = project_.Connect();
    stuck.Exec("BEGIN; LOCK TABLE public.orders");
    project_.Connect().Exec("INSERT INTO public.faults VALUES ('one')");
    const base::Json said = On({"watch", "wider", "--once"}, 10);
    EXPECT_THAT(said["result"]["findings"].dump(), HasSubstr("could not be looked at: "));
    EXPECT_EQ(said["next"], "switchback restore wider --salvage");
  }
  Replace("select count(*) from faults", "select count(*) from pg_sleep(50)");
  base::Child watch = Begin({});
  const auto asked = [&] {
    return project_.Connect()
        .Query("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1", {"%pg_sleep(50)"})
        .Int(0, 0);
  };
  while (watch.Running() && asked() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(std::chrono::seconds(30)), 143);
}

TEST_F(Watch, EndsWithTheWindow) {
  Replace("24h", "1ms");
  EXPECT_THAT(Once(0)["over"].get<std::string>(), HasSubstr("the rollback window: ended 20"));
  Replace("1ms", "24h");
  Replace("select count(*) from orders where total < 0", "select 1 / 0");
  EXPECT_THAT(Once(11)["findings"].dump(), HasSubstr("could not be asked: "));
  project_.Connect().Exec("ALTER TABLE public.orders DISABLE TRIGGER USER");
  EXPECT_THAT(Once(11)["findings"].dump(), HasSubstr("is not enabled, was so"));
}

}  // namespace
