// Every failpoint of the tool, with every accident that can happen there, once and again during the resume. After each:
// `status` says what is in the database, the release goes on or back to what a run without a crash gives, and what the
// server acknowledged to an application is there.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "cases.h"
#include "ground.h"
#include "needs_programs.h"
#include "writer.h"

namespace crash {
namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using Words = std::vector<std::string>;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kRelease = Ground::kRelease;

class Crash : public testing::TestWithParam<Case> {
 public:
  static void SetUpTestSuite() { ground_ = std::make_unique<Ground>(); }
  static void TearDownTestSuite() { ground_.reset(); }

 protected:
  static Ground& ground() { return *ground_; }

  void TearDown() override {
    writer_.reset();
    if (!ground_) return;
    if (!hidden_.empty()) ShowBackups();
    ground().ClearRestored();
  }

  void Begin(const Place& place);
  void Meet(const Words& words, const std::string& failpoint, int nth, Accident accident);
  void ExpectTruth();
  void ExpectRecorded();
  void Resume(const Case& which);
  void ExpectEnd(const Case& which);
  void ExpectStands(std::size_t steps, const std::string& net);
  void ExpectRestored(const base::Json& envelope);
  void ExpectSalvaged(const base::Json& envelope);
  void ExpectResolved(const base::Json& envelope);
  void ExpectFence(bool stands);
  void ReleaseAndRestore();
  void WriteToBoth();
  void LeaveDecisions();

  void Killed(const std::string& failpoint, int nth = 2);
  void LeaveInvalidIndex();
  void HideBackups();
  void ShowBackups();
  std::string Count(const std::string& sql) { return ground().project().Connect().Exec(sql).Text(0, 0); }

  static std::unique_ptr<Ground> ground_;
  std::unique_ptr<Writer> writer_;
  std::jthread blocker_;
  fs::path hidden_;
  bool fired_ = false;
};

std::unique_ptr<Ground> Crash::ground_;

Words Command(Scene scene) {
  switch (scene) {
    case Scene::kPlan:
      return {"plan", kRelease};
    case Scene::kCheckpoint:
    case Scene::kInstall:
    case Scene::kFirstBackup:
    case Scene::kAnew:
      return {"checkpoint", kRelease};
    case Scene::kProve:
      return {"checkpoint", kRelease, "--prove"};
    case Scene::kUndo:
      return {"rollback", kRelease};
    case Scene::kPurge:
      return {"purge", kRelease};
    case Scene::kRestore:
      return {"restore", kRelease};
    case Scene::kCutOver:
    case Scene::kAgain:
      return {"restore", kRelease, "--cut-over"};
    case Scene::kLift:
      return {"restore", kRelease, "--lift-fence"};
    case Scene::kResolve:
      return {"restore", kRelease, "--resolve", "decided.json"};
    case Scene::kFillAgain:
      return {"migrate", kRelease};
    case Scene::kClose:
      return {"close", kRelease};
    case Scene::kUninstall:
      return {"uninstall"};
    default:
      return {"run", kRelease, "--until", "contract"};
  }
}

bool IsBehindRestore(Scene scene) {
  return scene == Scene::kCutOver || scene == Scene::kAgain || scene == Scene::kLift || scene == Scene::kResolve;
}

Ground::Stage StageOf(Scene scene) {
  switch (scene) {
    case Scene::kPlan:
    case Scene::kCheckpoint:
    case Scene::kInstall:
    case Scene::kFirstBackup:
    case Scene::kProve:
    case Scene::kCutOver:
    case Scene::kAgain:
    case Scene::kLift:
    case Scene::kResolve:
      return Ground::Stage::kPlanned;
    case Scene::kUndo:
    case Scene::kPurge:
    case Scene::kRestore:
    case Scene::kClose:
    case Scene::kUninstall:
      return Ground::Stage::kContracted;
    default:
      return Ground::Stage::kCheckpointed;
  }
}

void Crash::Killed(const std::string& failpoint, int nth) {
  Meet(Command(Scene::kForward), failpoint, nth, Accident::kKill);
  ASSERT_TRUE(fired_);
}

// A build waits for a transaction that is older than itself; then its tool and its session end.
void Crash::LeaveInvalidIndex() {
  Meet(Command(Scene::kForward), "lease.fenced", 1, Accident::kKill);
  ASSERT_TRUE(fired_);
  auto holder = ground().project().Connect();
  holder.Exec("BEGIN; LOCK TABLE public.items IN ROW EXCLUSIVE MODE");
  auto builder = ground().project().Connect();
  builder.SetStatementTimeout(milliseconds(700));
  EXPECT_THROW(builder.Exec("CREATE INDEX CONCURRENTLY items_by_n ON public.items (n)"), base::Error);
  holder.Exec("ROLLBACK");
  ASSERT_EQ(Count("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "1");
}

void Crash::HideBackups() {
  hidden_ = ground().project().repository() / "backups.hidden";
  fs::rename(ground().project().repository() / "backups", hidden_);
}

void Crash::ShowBackups() {
  fs::remove_all(ground().project().repository() / "backups");
  fs::rename(hidden_, ground().project().repository() / "backups");
  hidden_.clear();
}

// A slot does not come back with a database: these scenes begin at the checkpoint. At the end, nobody writes.
void Crash::ReleaseAndRestore() {
  for (const Words& words : {Command(Scene::kForward), Command(Scene::kRestore)}) {
    const base::Json done = ground().On(words);
    ASSERT_EQ(done["exit"], 0) << done.dump(1);
    if (words.front() != "run") continue;
    const int before = writer_->acknowledged();
    while (writer_->acknowledged() < before + 10) std::this_thread::sleep_for(milliseconds(2));
    EXPECT_EQ(writer_->Missing(), Words());
    WriteToBoth();
  }
}

// An application's transaction, to rows that the release does not touch.
void Crash::WriteToBoth() {
  ground().project().Connect().Exec(
      "BEGIN; UPDATE public.counters SET n = n + 100 WHERE id IN (1, 2); UPDATE public.items SET n = n + 1 WHERE id = "
      "2; "
      "COMMIT");
}

// Two conflicts about rows that the release changed: a value, and a deletion, which cannot be applied twice.
void Crash::LeaveDecisions() {
  ground().project().Connect().Exec(
      "UPDATE public.counters SET n = n + 100 WHERE id = 3; DELETE FROM public.counters WHERE id = 6");
  const base::Json done = ground().On(Command(Scene::kCutOver));
  ASSERT_EQ(done["exit"], 0) << done.dump(1);
  base::Json decided = base::ReadJsonFile(done["result"]["salvage"]["conflicts_file"].get<std::string>());
  ASSERT_EQ(decided["conflicts"].size(), 2U) << decided;
  for (base::Json& conflict : decided["conflicts"]) conflict["take"] = "application";
  base::WriteFile(ground().project().path() / "decided.json", decided.dump());
}

void Crash::Begin(const Place& place) {
  writer_.reset();
  blocker_ = {};
  ground().Reset(StageOf(place.scene));
  switch (place.scene) {
    case Scene::kPlan:
      fs::remove(ground().PlanFile());
      break;
    case Scene::kCutOver:
    case Scene::kAgain:
    case Scene::kLift:
    case Scene::kResolve:
      ASSERT_EQ(ground().On(Command(Scene::kCheckpoint))["exit"], 0);
      break;
    case Scene::kInstall:
      ground().project().Connect().Exec("DROP SCHEMA switchback CASCADE");
      break;
    case Scene::kFirstBackup:
      if (hidden_.empty()) HideBackups();
      fs::remove_all(ground().project().repository() / "backups");
      break;
    case Scene::kConclude:
      Killed("run.after_commit");
      break;
    case Scene::kConcludeIndex:
      Killed("run.after_statement", 1);
      break;
    case Scene::kWriteOff:
      Killed("run.before_commit");
      break;
    case Scene::kInvalid:
      LeaveInvalidIndex();
      break;
    case Scene::kTorn:
      std::ofstream(ground().State() / "journal.jsonl", std::ios::app) << R"({"at":"2026-01-0)";
      break;
    case Scene::kRebuild:
      Killed("run.after_commit");
      fs::remove(ground().State() / "journal.jsonl");
      break;
    case Scene::kFillAgain:
      ASSERT_EQ(ground().On({"run", kRelease, "--until", "migrate"})["exit"], 0);
      ground().project().Connect().Exec(
          "SET session_replication_role = replica; UPDATE public.items SET title = NULL WHERE id % 3 = 0");
      break;
    case Scene::kClose:
    case Scene::kUninstall:
      ASSERT_EQ(ground().On(Command(Scene::kUndo))["exit"], 0);
      if (place.scene == Scene::kUninstall) {
        ASSERT_EQ(ground().On(Command(Scene::kClose))["exit"], 0);
      }
      break;
    default:
      break;
  }
  writer_ = std::make_unique<Writer>(ground().project().url());
  while (writer_->acknowledged() < 10) std::this_thread::sleep_for(milliseconds(2));
  if (IsBehindRestore(place.scene)) {
    ASSERT_NO_FATAL_FAILURE(ReleaseAndRestore());
    if (place.scene == Scene::kLift) {
      ASSERT_EQ(ground().On(Command(Scene::kCutOver))["exit"], 0);
    }
    if (place.scene == Scene::kResolve) {
      ASSERT_NO_FATAL_FAILURE(LeaveDecisions());
    }
    if (place.scene == Scene::kAgain) {
      ASSERT_EQ(ground().On({"restore", kRelease, "--go-on"})["exit"], 0);
      WriteToBoth();
    }
  }
  if (place.scene != Scene::kBlocked) return;
  std::atomic<bool> held{false};
  blocker_ = std::jthread([&held, url = ground().project().url()] {
    try {
      auto connection = pg::Connection::Open({.conninfo = url});
      connection.Exec("BEGIN; LOCK TABLE public.items IN ROW EXCLUSIVE MODE");
      held = true;
      std::this_thread::sleep_for(seconds(5));
      connection.Exec("ROLLBACK");
    } catch (const base::Error&) {
      held = true;  // the server was stopped meanwhile
    }
  });
  while (!held) std::this_thread::sleep_for(milliseconds(2));
}

void Crash::Meet(const Words& words, const std::string& failpoint, int nth, Accident accident) {
  SCOPED_TRACE(fmt::format("{} at {}@{} in {}", Name(accident), failpoint, nth, words.front()));
  const Met met = ground().Run(words, failpoint, nth, accident);
  fired_ = met.fired;
  if (!met.fired) return;
  const std::set<int> stopped = {0, 20, 30, 31};
  EXPECT_TRUE(accident == Accident::kKill || stopped.contains(met.exit)) << met.exit << "\n" << met.said;
  ExpectTruth();
}

void Crash::ExpectTruth() {
  const base::Json status = ground().On({"status", kRelease});
  ASSERT_EQ(status["exit"], 0) << status.dump(1);
  if (status["result"]["plan"].is_null() || !status["result"].value("closed", base::Json()).is_null()) return;
  EXPECT_EQ(ground().Untrue(status["result"]["position"]), "");
  ExpectRecorded();
}

// No checkpoint took effect that the journal does not know, and the one that it speaks of is there.
void Crash::ExpectRecorded() {
  std::set<std::string> recorded;
  std::string last;
  std::istringstream lines(base::ReadFileIfExists(ground().State() / "journal.jsonl").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const base::Json event = base::Json::parse(line, nullptr, false);
    if (event.is_discarded() || (event["kind"] != "checkpoint" && event["kind"] != "proven")) continue;
    recorded.insert(last = event["body"]["digest"]);
  }
  const auto digest = [&](const char* name) -> std::string {
    const auto text = base::ReadFileIfExists(ground().State() / name);
    return text ? base::Json::parse(*text)["digest"].get<std::string>() : "";
  };
  const std::string in_place = digest("checkpoint.json");
  if (!in_place.empty()) {
    EXPECT_EQ(recorded.count(in_place), 1U) << in_place;
  }
  EXPECT_TRUE(in_place == last || digest("checkpoint.next.json") == last) << last;
}

bool GoesForward(Scene scene) { return Command(scene).front() == "run"; }

void Crash::Resume(const Case& which) {
  const Scene scene = which.place.scene;
  Words words = Command(scene);
  if (which.turn && GoesForward(scene)) words = Command(Scene::kUndo);
  if (which.turn && scene == Scene::kUndo) words = Command(Scene::kForward);
  const base::Json resumed = ground().On(words);
  ASSERT_EQ(resumed["exit"], 0) << resumed.dump(1);
  if (scene == Scene::kRestore) ExpectRestored(resumed);
  if (scene == Scene::kCutOver || scene == Scene::kAgain) ExpectSalvaged(resumed);
  if (scene == Scene::kResolve) ExpectResolved(resumed);
}

void Crash::ExpectStands(std::size_t steps, const std::string& net) {
  const base::Json status = ground().On({"status", kRelease})["result"];
  EXPECT_TRUE(status["unfinished_restore"].is_null()) << status;
  const base::Json& position = status["position"];
  // A step that was begun and rolled back stays on record where nothing was there to go back from.
  EXPECT_TRUE(position["state"] == "clean" || position["failed"] == true) << position;
  EXPECT_EQ(position["steps_done"], steps);
  EXPECT_EQ(ground().Now().net, net);
}

void Crash::ExpectRestored(const base::Json& envelope) {
  const auto restored = pg::Connection::Open({.conninfo = envelope["result"]["url"].get<std::string>()});
}

// The old server and the new one have the same from the applications, and the new one nothing from the release.
void Crash::ExpectSalvaged(const base::Json& envelope) {
  const base::Json& done = envelope["result"]["cut_over"];
  EXPECT_EQ(done["changes"], done["applied"]) << done;
  auto restored = pg::Connection::Open({.conninfo = done["url"].get<std::string>()});
  const auto same = [&](const std::string& table, const std::string& here, const std::string& there) {
    const auto ask = [&](const std::string& columns) {
      return fmt::format("SELECT md5(string_agg(ROW({})::text, ',' ORDER BY id)) FROM public.{}", columns, table);
    };
    EXPECT_EQ(restored.Exec(ask(here)).Text(0, 0), Count(ask(there))) << table;
  };
  same("items", "id, name, n", "id, title, n");
  same("counters", "id, n", "id, n - CASE WHEN id % 3 = 0 THEN 1 ELSE 0 END");
}

// Whoever applied the decisions: they stand, and the journal has all of them.
void Crash::ExpectResolved(const base::Json& envelope) {
  const base::Json& done = envelope["result"];
  EXPECT_EQ(done["applied"].get<int>() + done["applied_before"].get<int>(), 2) << done;
  EXPECT_EQ(done["left"], 0);
  auto restored = pg::Connection::Open({.conninfo = done["url"].get<std::string>()});
  EXPECT_EQ(restored.Exec("SELECT string_agg(id || ' ' || n, ', ') FROM public.counters WHERE id IN (3, 6)").Text(0, 0),
            "3 " + Count("SELECT n FROM public.counters WHERE id = 3"));
  std::ifstream journal(ground().State() / "journal.jsonl");
  base::Json last;
  for (std::string line; std::getline(journal, line);) last = base::Json::parse(line);
  EXPECT_EQ(last["kind"], "resolved");
  EXPECT_EQ(last["body"], done);
}

void Crash::ExpectFence(bool stands) {
  std::string refused;
  try {
    ground().project().Connect().Exec("UPDATE public.counters SET n = 0 WHERE id = 1");
  } catch (const base::Error& error) {
    refused = error.sqlstate();
  }
  EXPECT_EQ(refused, stands ? "25006" : "");
}

void Crash::ExpectEnd(const Case& which) {
  const auto& reference = ground().reference();
  const std::string slots = Count("SELECT count(*) FROM pg_replication_slots WHERE database = 'shop'");
  switch (which.place.scene) {
    case Scene::kFillAgain:
      EXPECT_EQ(Count("SELECT count(*) FROM public.items WHERE title IS DISTINCT FROM name"), "0");
      EXPECT_EQ(ground().On({"gate", kRelease, "--for", "contract"})["exit"], 0);
      break;
    case Scene::kClose:
      EXPECT_EQ(ground().On({"status", kRelease})["result"]["closed"]["ended"], "taken back");
      EXPECT_EQ(slots, "0");
      EXPECT_EQ(Count("SELECT count(*) FROM pg_publication"), "0");
      EXPECT_EQ(Count("SELECT count(*) FROM pg_attribute WHERE attname ~ '^sbr_' AND NOT attisdropped"), "0");
      EXPECT_EQ(Count("SELECT count(*) FROM switchback.release"), "0");
      EXPECT_EQ(ground().On({"run", kRelease})["error"]["code"], "SB3112");
      break;
    case Scene::kUninstall:
      EXPECT_EQ(Count("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^switchback'"), "0");
      break;
    case Scene::kPlan:
      EXPECT_EQ(ground().On({"plan", kRelease})["result"]["changes"], base::Json::array());
      break;
    case Scene::kCheckpoint:
    case Scene::kInstall:
    case Scene::kFirstBackup:
    case Scene::kProve:
    case Scene::kAnew:
      ExpectStands(0, reference.forward[0].net);
      EXPECT_EQ(slots, "1");
      EXPECT_EQ(ground().On({"gate", kRelease, "--for", "expand"})["exit"], 0);
      break;
    case Scene::kPurge:
      ExpectStands(ground().steps(), reference.forward.back().net);
      EXPECT_EQ(slots, "0");
      EXPECT_EQ(Count("SELECT count(*) FROM pg_publication"), "0");
      break;
    case Scene::kCutOver:
    case Scene::kAgain:
    case Scene::kLift:
    case Scene::kResolve:
      ExpectFence(which.place.scene != Scene::kLift);
      [[fallthrough]];
    case Scene::kRestore:
      ExpectStands(ground().contracted(), reference.forward[ground().contracted()].net);
      break;
    default:
      if (GoesForward(which.place.scene) != which.turn) {
        ExpectStands(ground().contracted(), reference.forward[ground().contracted()].net);
      } else {
        ExpectStands(0, reference.back[0].net);
      }
  }
  for (const std::string& line : writer_->Missing()) ADD_FAILURE() << line;
}

// What a resume passes in any case.
std::string PassedAnyway(Scene scene) {
  if (scene == Scene::kCutOver || scene == Scene::kAgain) return "cut_over.counted";
  if (scene == Scene::kResolve) return "salvage.resolved";
  if (scene == Scene::kClose) return "close.before_line";
  if (scene == Scene::kUninstall) return "uninstall.before_commit";
  return scene == Scene::kLift ? "fence.lifted" : "run.before_enter";
}

TEST_P(Crash, IsNamedAndLeft) {
  const Case& which = GetParam();
  const Words words = Command(which.place.scene);
  const std::string first = which.place.failpoint;
  // Where a resume does not come to the same failpoint, the accident meets it elsewhere.
  for (const std::string& second : which.twice ? Words{first, PassedAnyway(which.place.scene)} : Words{""}) {
    ASSERT_NO_FATAL_FAILURE(Begin(which.place));
    ASSERT_NO_FATAL_FAILURE(Meet(words, first, which.place.nth, which.accident));
    ASSERT_TRUE(fired_) << first << " was not passed";
    if (!which.twice) break;
    ASSERT_NO_FATAL_FAILURE(Meet(words, second, 1, which.accident));
    if (fired_) break;
  }
  ASSERT_TRUE(fired_) << "the resume passed no failpoint";
  ASSERT_NO_FATAL_FAILURE(Resume(which));
  ExpectEnd(which);
}

INSTANTIATE_TEST_SUITE_P(Every, Crash, testing::ValuesIn(Cases()),
                         [](const auto& given) { return NameOf(given.param); });

// Each accident by turns, during the run and again during the resume.
std::vector<Case> Subset() {
  std::vector<Case> cases;
  std::set<std::string> taken;
  for (const Case& each : Cases()) {
    const std::string place =
        fmt::format("{}@{} {}", each.place.failpoint, each.place.nth, static_cast<int>(each.place.scene));
    auto accident = static_cast<Accident>(cases.size() % 4);
    if (accident == Accident::kCut && !each.place.commit) accident = Accident::kDisk;
    if (!each.place.subset || !each.twice || each.accident != accident || !taken.insert(place).second) continue;
    cases.push_back(each);
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Some, Crash, testing::ValuesIn(Subset()),
                         [](const auto& given) { return NameOf(given.param); });

TEST(Failpoints, EachHasAPlace) {
  std::set<std::string> places;
  for (const Place& place : Places()) places.insert(place.failpoint);
  std::set<std::string> failpoints;
  for (const base::FailpointInfo& info : base::AllFailpoints()) failpoints.emplace(info.name);
  EXPECT_EQ(places, failpoints);
}

}  // namespace
}  // namespace crash
