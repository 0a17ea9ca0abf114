#include "ground.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "pg/quote.h"
#include "program.h"
#include "writer.h"

namespace crash {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kTable = R"sql(
CREATE TABLE public.items (id bigint PRIMARY KEY, name text NOT NULL, n int NOT NULL DEFAULT 0, note text);
CREATE INDEX items_by_name ON public.items (name);
INSERT INTO public.items SELECT g, 'name ' || g, g % 7, repeat(md5(g::text), 20) FROM generate_series(1, 3000) g;
CREATE TABLE public.counters (id bigint PRIMARY KEY, n int NOT NULL);
INSERT INTO public.counters SELECT g, g % 7 FROM generate_series(1, 3000) g
)sql";

// A column renamed and filled, one added, one dropped, an index built concurrently, rows changed by a statement that
// must not run twice.
constexpr const char* kChange = R"sql(
ALTER TABLE items RENAME COLUMN name TO title;
ALTER TABLE items ADD COLUMN code int NOT NULL DEFAULT 7;
CREATE INDEX items_by_n ON items (n);
UPDATE counters SET n = n + 1 WHERE id % 3 = 0;
ALTER TABLE items DROP COLUMN note;
)sql";

std::string TemplateOf(Ground::Stage stage) { return fmt::format("stage_{}", static_cast<int>(stage)); }

// 'T': stopped; 0: gone.
char StateOf(int pid) {
  const std::string text = base::ReadFileIfExists(fmt::format("/proc/{}/stat", pid)).value_or("");
  const std::size_t name = text.rfind(") ");
  return name == std::string::npos ? '\0' : text[name + 2];
}

// False: it ended first.
bool AwaitStop(base::Child& child) {
  const auto until = std::chrono::steady_clock::now() + seconds(60);
  while (std::chrono::steady_clock::now() < until) {
    if (StateOf(child.pid()) == 'T') return true;
    if (!child.Running()) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

std::string Joined(const std::vector<std::string>& lines, bool retired) {
  std::string text;
  for (const std::string& line : lines) {
    if (line.find("switchback_fence") != std::string::npos) continue;  // of a cut-over, and of no release
    if (retired || line.find("sbr_") == std::string::npos) text += line + "\n";
  }
  return text;
}

}  // namespace

const char* Name(Accident accident) {
  switch (accident) {
    case Accident::kKill:
      return "Kill";
    case Accident::kServer:
      return "Server";
    case Accident::kCut:
      return "Cut";
    case Accident::kDisk:
      break;
  }
  return "Disk";
}

Ground::Ground() {
  project_.Connect().Exec(kTable);
  // Hundreds of cases write much WAL, and a restore in the last of them should not replay it all.
  base::WriteFile(project_.path() / "switchback.yaml",
                  "version: 1\nenvironments: {default: {}}\nbackup: {repository: " +
                      base::Json(project_.repository().string()).dump() + "}\npolicy: {backup_max_wal: 256MB}\n");
  project_.MakeRelease(kRelease, kChange);
  const base::Json planned = On({"plan", kRelease});
  EXPECT_EQ(planned["exit"], 0) << planned.dump(1);
  const base::Json plan = base::ReadJsonFile(PlanFile());
  for (const base::Json& step : plan["steps"]) steps_.push_back(step);
  contracted_ = static_cast<std::size_t>(
      std::ranges::count_if(steps_, [](const base::Json& step) { return step["phase"] != "purge"; }));
  Save(Stage::kPlanned);
  const base::Json taken = On({"checkpoint", kRelease});
  EXPECT_EQ(taken["exit"], 0) << taken.dump(1);
  Save(Stage::kCheckpointed);
  Record();
}

void Ground::Administer(const std::string& sql) { project_.ConnectTo("postgres").Exec(sql); }

// CREATE DATABASE copies one that nobody is connected to.
void Ground::Empty() {
  Administer(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'shop' AND backend_type = 'client "
      "backend'");
}

void Ground::Save(Stage stage) {
  Empty();
  Administer(fmt::format("CREATE DATABASE {} TEMPLATE shop", TemplateOf(stage)));
  const fs::path copy = project_.path().parent_path() / TemplateOf(stage);
  fs::remove_all(copy);
  if (fs::exists(State())) {
    fs::copy(State(), copy, fs::copy_options::recursive);
  } else {
    fs::create_directories(copy);
  }
  states_[stage] = copy;
}

void Ground::Reset(Stage stage) {
  Empty();
  Administer("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'shop'");
  Administer("DROP DATABASE shop WITH (FORCE)");
  Administer(fmt::format("CREATE DATABASE shop TEMPLATE {}", TemplateOf(stage)));
  fs::remove_all(State());
  fs::create_directories(State().parent_path());
  fs::copy(states_.at(stage), State(), fs::copy_options::recursive);
}

// Step by step, forward and back again.
void Ground::Record() {
  const auto step = [this](const std::vector<std::string>& words, std::vector<Look>& looks) {
    for (;;) {
      const base::Json ended = On(words, {{"SWITCHBACK_FAILPOINT", "run.after_outcome=error"}});
      if (ended["exit"] == 0) return;
      ASSERT_EQ(ended["error"]["code"], "SB1009") << ended.dump(1);
      looks.push_back(Now());
    }
  };
  reference_.forward.push_back(Now());
  step({"run", kRelease, "--until", "contract"}, reference_.forward);
  Save(Stage::kContracted);
  reference_.back.push_back(Now());
  step({"rollback", kRelease}, reference_.back);
  std::ranges::reverse(reference_.back);
  Reset(Stage::kContracted);
  step({"purge", kRelease}, reference_.forward);
  EXPECT_EQ(reference_.forward.size(), steps_.size() + 1);
  EXPECT_EQ(reference_.back.size(), contracted_ + 1);
  for (std::size_t i = 1; i < reference_.forward.size(); ++i) {
    EXPECT_NE(reference_.forward[i].all, reference_.forward[i - 1].all) << "step " << i << " leaves nothing to be seen";
  }
}

base::Json Ground::On(const std::vector<std::string>& words, const std::map<std::string, std::string>& env) {
  std::map<std::string, std::string> all = env;
  all["DATABASE_URL"] = fmt::format("postgresql://postgres@127.0.0.1:{}/shop", gate_.port());
  return project_.On(words, all);
}

base::Child Ground::Begin(const std::vector<std::string>& words, const std::string& failpoint) const {
  base::Command command{.argv = {SB_PROGRAM}, .inherit = base::Inherit::kAll, .cwd = project_.path()};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.env = {{"DATABASE_URL", fmt::format("postgresql://postgres@127.0.0.1:{}/shop", gate_.port())},
                 {"SWITCHBACK_FAILPOINT", failpoint}};
  const fs::path log = project_.path().parent_path() / "said";
  fs::remove(log);
  return base::Child::Start(command, log);
}

Met Ground::End(base::Child& child) const {
  Met met;
  const std::optional<int> exit = child.Wait(seconds(90));
  if (!exit) {
    child.Signal(SIGKILL);
    child.Wait(seconds(10));
  }
  met.exit = exit.value_or(-1);
  met.said = base::ReadFileIfExists(project_.path().parent_path() / "said").value_or("");
  return met;
}

Sleeper Ground::Sleep(const std::vector<std::string>& words, const std::string& failpoint) {
  Sleeper sleeper{Begin(words, failpoint + "=stop")};
  sleeper.stopped = AwaitStop(sleeper.child);
  return sleeper;
}

Met Ground::Wake(Sleeper& sleeper) {
  sleeper.child.Signal(SIGCONT);
  return End(sleeper.child);
}

Met Ground::Run(const std::vector<std::string>& words, const std::string& failpoint, int nth, Accident accident) {
  const std::string place = fmt::format("{}@{}", failpoint, nth);
  if (accident == Accident::kKill) {
    base::Child child = Begin(words, place + "=kill");
    Met met = End(child);
    met.fired = met.exit == 128 + SIGKILL;
    return met;
  }
  Sleeper sleeper = Sleep(words, place);
  if (!sleeper.stopped) return Wake(sleeper);
  if (accident == Accident::kServer) {
    project_.server().Stop(sandbox::Server::StopMode::kImmediate);
    project_.server().Start();
  } else if (accident == Accident::kCut) {
    gate_.Arm(test::TcpGate::Fault::kLoseAnswer);
  } else {
    const fs::path journal = State() / "journal.jsonl";
    const std::uintmax_t size = fs::exists(journal) ? fs::file_size(journal) : 0;
    const rlimit limit{size + 10, size + 10};  // the next line is torn
    EXPECT_EQ(::prlimit(sleeper.child.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  Met met = Wake(sleeper);
  met.fired = accident != Accident::kCut || !gate_.Armed();
  gate_.Arm(test::TcpGate::Fault::kNone);
  return met;
}

void Ground::MakeStandby() {
  const fs::path data = project_.path().parent_path() / "standby";
  const sandbox::Binaries binaries = sandbox::FindBinaries();
  const auto account = sandbox::ServerAccount();
  base::RunOrThrow({.argv = {binaries.Program("pg_basebackup"), "--dbname", project_.server().Url(), "--pgdata",
                             data.string(), "--write-recovery-conf", "--checkpoint=fast"},
                    .cwd = "/",
                    .account = account});
  sandbox::ServerOptions options;
  options.binaries = binaries;
  options.data = data;
  options.account = account;
  options.settings = {{"fsync", "off"}, {"autovacuum", "off"}};
  standby_.emplace(sandbox::Server::Adopt(options));
  standby_->Start();
  const std::string end = project_.Connect().Exec("SELECT pg_current_wal_flush_lsn()").Text(0, 0);
  auto standby = pg::Connection::Open({.conninfo = standby_->Url("shop")});
  while (!standby.Query("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", {end}).Bool(0, 0)) {
    std::this_thread::sleep_for(milliseconds(10));
  }
}

void Ground::FailOver() {
  project_.server().Stop(sandbox::Server::StopMode::kImmediate);
  if (!standby_->Running()) standby_->Start();
  pg::Connection::Open({.conninfo = standby_->Url()}).Exec("SELECT pg_promote()");
  gate_.TurnTo(standby_->Url());
  failed_over_ = true;
}

pg::Connection Ground::Connect() const {
  return pg::Connection::Open({.conninfo = failed_over_ ? standby_->Url("shop") : project_.url()});
}

std::string Ground::DoneTwice() const {
  std::istringstream lines(base::ReadFile(State() / "journal.jsonl"));
  std::map<std::string, std::string> last;
  for (std::string line; std::getline(lines, line);) {
    const base::Json event = base::Json::parse(line);
    if (event["kind"] != "outcome") continue;
    const std::string direction = event["body"]["direction"];
    std::string& before = last[event["body"]["step"]];
    if (before == direction) return line;
    before = direction;
  }
  return "";
}

Look Ground::LookAt(pg::Connection connection) const {
  const auto content = [&](bool retired) {
    std::string hashes;
    for (const char* table : {"public.items", "public.counters"}) {
      const pg::Result columns = connection.Query(
          "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) FROM pg_attribute WHERE "
          "attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND ($2 OR attname !~ '^sbr_')",
          {table, retired ? "true" : "false"});
      hashes += connection
                    .Exec(fmt::format("SELECT md5(string_agg(ROW({})::text, E'\\n' ORDER BY id)) FROM {} WHERE id > {} "
                                      "AND id < {}",
                                      columns.Text(0, 0), table, Writer::kOwnRows, Writer::kInsertedFrom))
                    .Text(0, 0) +
                "\n";
    }
    return hashes;
  };
  const std::string all = content(true);
  const std::string net = content(false);
  const std::string ours =
      connection
          .Exec(
              "SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class WHERE relnamespace = "
              "to_regnamespace('switchback') AND relname ~ '^sbr_'")
          .Text(0, 0);
  const std::vector<std::string> lines = test::SchemaLines(std::move(connection));
  return {Joined(lines, true) + all + ours, Joined(lines, false) + net};
}

std::string Ground::Untrue(const base::Json& position) const {
  if (!position.is_object()) return "status tells no position: " + position.dump();
  const std::size_t done = position["steps_done"];
  const std::string all = Now().all;
  if (position["state"] == "drifted") return position["text"];
  if (position["state"] == "interrupted") {
    for (const base::Json& step : steps_) {
      if (step["id"] != position["step_in_flight"]) continue;
      // Such a step may be half done, which is what status says.
      if (step["kind"] == "backfill" || step["transactional"] == false) return "";
    }
  }
  if (done < reference_.forward.size() && all == reference_.forward[done].all) return "";
  if (done < reference_.back.size() && all == reference_.back[done].all) return "";
  for (std::size_t i = 0; i < reference_.forward.size(); ++i) {
    if (all == reference_.forward[i].all)
      return fmt::format("{} steps are done, and status says {}", i, position.dump());
  }
  return fmt::format("status says {}, and the database is like at no step:\n{}", position.dump(), all);
}

void Ground::ClearRestored() {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(project_.repository() / "restored", none)) {
    std::ifstream file(entry.path() / "data/postmaster.pid");
    int pid = 0;
    if (file >> pid && pid > 1) ::kill(pid, SIGQUIT);
    for (int i = 0; i < 500 && pid > 1 && ::kill(pid, 0) == 0; ++i) std::this_thread::sleep_for(milliseconds(10));
    fs::remove_all(entry.path());
  }
}

}  // namespace crash
