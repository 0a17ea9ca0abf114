#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/file.h"
#include "base/long_work.h"
#include "base/signature.h"
#include "fixture_server.h"
#include "pg/replication.h"
#include "postgres_test.h"
#include "stream/drain.h"
#include "stream/reader.h"
#include "stream/slot.h"
#include "stream/sql_text.h"

namespace stream {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// One line for each change: "insert public.t id=1 v=NULL", with "old(...)" where the stream has it.
std::string Line(const Change& change) {
  const auto row = [&](const Row& values) {
    std::string text;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Value& value = values[i];
      text += fmt::format("{}{}={}", i == 0 ? "" : " ", change.relation->columns[i].name,
                          value.kind == Value::Kind::kText   ? std::string(value.text.substr(0, 40))
                          : value.kind == Value::Kind::kNull ? "NULL"
                                                             : "unchanged");
    }
    return text;
  };
  const std::map<Change::Kind, std::string> kinds = {{Change::Kind::kInsert, "insert"},
                                                     {Change::Kind::kUpdate, "update"},
                                                     {Change::Kind::kDelete, "delete"},
                                                     {Change::Kind::kTruncate, "truncate"}};
  std::string text = fmt::format("{} {}", kinds.at(change.kind), change.relation->name.Text());
  if (change.old) text += fmt::format(" old{}({})", change.old_is_row ? "row" : "", row(*change.old));
  return change.row.empty() ? text : text + " " + row(change.row);
}

class DrainTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    connection_.emplace(Connect());
    state_ = fs::temp_directory_path() / ("drain-" + base::RandomHex(6));
    const std::string random = base::RandomHex(4);
    request_ = {.connect = {.conninfo = url()},
                .slot = fmt::format("switchback_{}_1", random),
                .publications = {"with \"key\" '" + random, "without"},
                .state = state_};
    known_ = {"r", {base::PublicKeyOf("secret")}};
    connection_->Exec(
        "CREATE TABLE public.t(id int PRIMARY KEY, v text, big text); CREATE TABLE public.log(at timestamptz, line "
        "text); "
        "ALTER TABLE public.t ALTER big SET STORAGE EXTERNAL");
    connection_->Exec(fmt::format("CREATE PUBLICATION {} FOR TABLE public.t", pg::Ident(request_.publications[0])));
    connection_->Exec("CREATE PUBLICATION without FOR TABLE public.log WITH (publish = 'insert')");
    MakeSlot();
  }
  void TearDown() override {
    connection_.reset();
    fs::remove_all(state_);
    PostgresTest::TearDown();
  }

  void MakeSlot() {
    request_.from = pg::Lsn::Parse(
        connection_->Query("SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')", {request_.slot})
            .Text(0, 0));
  }
  void Do(const std::string& sql) { connection_->Exec(sql); }
  [[nodiscard]] static std::string Mark(const std::string& tag) {
    return fmt::format("SELECT pg_logical_emit_message(true, 'switchback', {});", pg::Literal(tag));
  }

  // "whose: change; change"
  [[nodiscard]] std::vector<std::string> Read() const {
    std::vector<std::string> lines;
    Reader reader(state_, request_.slot, known_);
    while (const auto transaction = reader.Next()) {
      std::string line = transaction->whose == Whose::kMigration ? "migration" : "application";
      if (transaction->whose == Whose::kUnverified) line = "unverified";
      if (!transaction->origin.empty()) line += " of " + transaction->origin;
      Changes changes = reader.ChangesOf(*transaction);
      const char* separator = ": ";
      while (const Change* change = changes.Next()) {
        line += separator + Line(*change);
        separator = "; ";
      }
      lines.push_back(line);
    }
    return lines;
  }

  std::optional<pg::Connection> connection_;
  fs::path state_;
  DrainRequest request_;
  Known known_;
};

TEST_F(DrainTest, ShowsEachTransactionAsItWas) {
  const std::string tag = journal::MakeTag("secret", {.release = "r", .step = "migrate.1", .direction = "forward"});
  Do("INSERT INTO public.t VALUES (1, 'a', repeat('x', 9000)), (2, NULL, '')");
  Do("UPDATE public.t SET v = 'b' WHERE id = 1");
  Do("UPDATE public.t SET id = 3 WHERE id = 2");
  Do("BEGIN; SAVEPOINT s; DELETE FROM public.t; ROLLBACK TO s; INSERT INTO public.log VALUES ('2026-11-23 "
     "03:00+02', 'kept'); COMMIT");
  Do("BEGIN; DELETE FROM public.t; ROLLBACK");
  Do("CREATE TABLE public.unseen(v int); INSERT INTO public.unseen VALUES (1)");
  Do("BEGIN; " + Mark(tag) + "UPDATE public.t SET v = 'ours' WHERE id = 3; COMMIT");
  Do("BEGIN; " + Mark(tag) + "UPDATE public.t SET v = 'stolen' WHERE id = 3; COMMIT");
  EXPECT_TRUE(Drain(request_).not_evidenced.empty());
  Do("BEGIN; INSERT INTO public.t VALUES (4, 'x'); ALTER TABLE public.t ADD COLUMN more int; INSERT INTO public.t "
     "VALUES (5, 'y', NULL, 7); COMMIT");
  Do("ALTER TABLE public.t REPLICA IDENTITY FULL; UPDATE public.t SET more = 8 WHERE id = 5");
  Do("DELETE FROM public.t WHERE id = 4");
  Do("TRUNCATE public.t");
  Do("SELECT pg_replication_origin_create('elsewhere'); SELECT pg_replication_origin_session_setup('elsewhere')");
  Do("INSERT INTO public.log VALUES (NULL, 'o')");
  Do("SELECT pg_replication_origin_session_reset(); SELECT pg_replication_origin_drop('elsewhere')");
  const Drained second = Drain(request_);
  EXPECT_EQ(second.not_evidenced, "");
  EXPECT_EQ(second.transactions, 5);
  EXPECT_EQ(second.changes, 6);
  EXPECT_THAT(
      Read(),
      ElementsAre(
          "application: insert public.t id=1 v=a big=" + std::string(40, 'x') + "; insert public.t id=2 v=NULL big=",
          "application: update public.t id=1 v=b big=unchanged",
          "application: update public.t old(id=2 v=NULL big=NULL) id=3 v=NULL big=",
          "application: insert public.log at=2026-11-23 01:00:00+00 line=kept",
          "migration: update public.t id=3 v=ours big=", "unverified: update public.t id=3 v=stolen big=",
          "application: insert public.t id=4 v=x big=NULL; insert public.t id=5 v=y big=NULL more=7",
          "application: update public.t oldrow(id=5 v=y big=NULL more=7) id=5 v=y big=NULL more=8",
          "application: delete public.t oldrow(id=4 v=x big=NULL more=NULL)", "application: truncate public.t",
          "application of elsewhere: insert public.log at=NULL line=o"));
  EXPECT_EQ(Drain(request_).transactions, 0) << "nothing is read twice";

  Reader reader(state_, request_.slot, known_);
  const auto first = reader.Next();
  EXPECT_LT(base::Now() - first->time, 1min);
  EXPECT_EQ(first->tables.at(0).writes.inserted, 2);
  EXPECT_EQ(first->tables.at(0).writes.updated, 0);
}

TEST_F(DrainTest, TellsHowFarItIs) {
  Do("INSERT INTO public.t VALUES (1, 'a', repeat('x', 9000))");
  base::LongWork::TellEvery(std::chrono::milliseconds(0));
  testing::internal::CaptureStderr();
  EXPECT_TRUE(Drain(request_).not_evidenced.empty());
  const std::string told = testing::internal::GetCapturedStderr();
  base::LongWork::TellEvery(std::chrono::seconds(10));
  EXPECT_THAT(told, testing::HasSubstr("switchback: reading the stream: done after "));
}

TEST_F(DrainTest, SaysWhenTheSlotCannotBeReliedOn) {
  DrainRequest none = request_;
  none.slot = "";
  EXPECT_TRUE(Drain(none).lost);
  none.slot = "switchback_of_another";
  EXPECT_THAT(Drain(none).not_evidenced, HasSubstr("is not on this server"));
  {
    pg::Replication other(
        {.connect = request_.connect, .slot = request_.slot, .publications = request_.publications, .start = {}});
    DrainRequest hasty = request_;
    hasty.busy_wait = 300ms;
    const Drained busy = Drain(hasty);
    EXPECT_THAT(busy.not_evidenced, HasSubstr("another session"));
    EXPECT_FALSE(busy.lost);
  }
  EXPECT_EQ(Drain(request_).not_evidenced, "") << "it waits until the other one is gone";
  // Somebody else reads what was to come here.
  Do("INSERT INTO public.log VALUES (NULL, 'taken')");
  connection_->Query("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", {request_.slot});
  const Drained moved = Drain(request_);
  EXPECT_THAT(moved.not_evidenced, HasSubstr("moved to"));
  EXPECT_TRUE(moved.lost);
  request_.slot += "_anew";
  MakeSlot();
  EXPECT_EQ(Drain(request_).not_evidenced, "");
  Do("DROP PUBLICATION without");
  EXPECT_THAT(Drain(request_).not_evidenced, HasSubstr("publication without"));
}

// As a crash of the server leaves it that had not yet written down what the slot was told.
TEST_F(DrainTest, ReadsNothingTwiceOfASlotThatWentBack) {
  Do("INSERT INTO public.t VALUES (1)");
  connection_->Query("SELECT pg_copy_logical_replication_slot($1, 'before')", {request_.slot});
  const pg::Lsn before = ReadSlot(*connection_, request_.slot).confirmed;
  Do("INSERT INTO public.t VALUES (2)");
  EXPECT_EQ(Drain(request_).transactions, 2);
  const fs::path spool = SpoolDirectory(state_, request_.slot);
  const auto put_back = [&] {
    connection_->Query("SELECT pg_drop_replication_slot($1)", {request_.slot});
    connection_->Query("SELECT pg_copy_logical_replication_slot('before', $1)", {request_.slot});
    ASSERT_EQ(ReadSlot(*connection_, request_.slot).confirmed, before);
    ASSERT_LT(before, ReadPlace(spool)->last_commit);
  };
  put_back();
  Do("INSERT INTO public.t VALUES (3)");
  EXPECT_EQ(Drain(request_).transactions, 1);
  // Even where the server is not told from where on it is to send.
  put_back();
  base::Json place = base::ReadJsonFile(spool / "place.json");
  place["through"] = before.Text();
  base::WriteFile(spool / "place.json", place.dump());
  Do("INSERT INTO public.t VALUES (4)");
  EXPECT_EQ(Drain(request_).transactions, 1);
  EXPECT_THAT(Read(), ElementsAre(HasSubstr("id=1 "), HasSubstr("id=2 "), HasSubstr("id=3 "), HasSubstr("id=4 ")));
  Do("SELECT pg_drop_replication_slot('before')");
}

// As where its disk was put back to a snapshot.
TEST_F(DrainTest, SaysWhenTheServerEndsBeforeWhatWasReadOfIt) {
  EXPECT_EQ(Drain(request_).not_evidenced, "");
  const fs::path file = SpoolDirectory(state_, request_.slot) / "place.json";
  base::Json place = base::ReadJsonFile(file);
  place["through"] = pg::Lsn{pg::Lsn::Parse(place["through"].get<std::string>()).value + (1 << 30)}.Text();
  base::WriteFile(file, place.dump());
  std::atomic<bool> stop{false};
  const std::jthread timer([&stop](const std::stop_token& done) {
    for (int i = 0; i < 100 && !done.stop_requested(); ++i) std::this_thread::sleep_for(100ms);
    stop = true;
  });
  request_.stop = &stop;
  const Drained drained = Drain(request_);
  EXPECT_TRUE(drained.lost);
  EXPECT_THAT(drained.not_evidenced, HasSubstr("was put back"));
}

// A killed reader leaves what it had made safe, and the next one goes on: each transaction is there once.
TEST_F(DrainTest, GoesOnAfterAKill) {
  Do("INSERT INTO public.t VALUES (1)");
  EXPECT_EQ(Drain(request_).transactions, 1);
  for (int i = 2; i <= 4; ++i) Do(fmt::format("INSERT INTO public.t VALUES ({})", i));
  Do("INSERT INTO public.t SELECT g, 'many', repeat('x', 500) FROM generate_series(10, 20000) g");
  const auto killed = [&](const std::function<void()>& in_child) {
    const pid_t child = ::fork();
    if (child == 0) {
      in_child();
      try {
        Drain(request_);
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    return child;
  };
  // Before its first word about what is safe; the messages are on disk by then.
  int status = 0;
  ::waitpid(killed([] { base::ArmFailpoint("file.before_rename=kill"); }), &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Read().size(), 1U);
  // In the middle of a transaction.
  const fs::path messages = SpoolDirectory(state_, request_.slot) / "messages";
  const pid_t child = killed([] {});
  const std::uintmax_t before = ReadPlace(messages.parent_path())->messages;
  std::error_code ignored;
  while (fs::file_size(messages, ignored) < before + (1 << 20)) std::this_thread::sleep_for(1ms);
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  EXPECT_EQ(Drain(request_).not_evidenced, "");
  const std::vector<std::string> lines = Read();
  ASSERT_EQ(lines.size(), 5U);
  for (int i = 1; i <= 4; ++i) EXPECT_THAT(lines[i - 1], HasSubstr(fmt::format("id={} ", i)));
  EXPECT_EQ(Drain(request_).transactions, 0);
}

std::int64_t MostMemoryKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6));
  }
  return 0;
}

TEST_F(DrainTest, TakesLittleMemoryForALargeTransaction) {
  Do("INSERT INTO public.t SELECT g, repeat('v', 300) FROM generate_series(1, 100000) g");
  Drain({.connect = request_.connect, .slot = "", .publications = {}, .from = {}, .state = state_});
  const std::int64_t before = MostMemoryKb();
  const Drained drained = Drain(request_);
  EXPECT_EQ(drained.changes, 100'000);
  Reader reader(state_, request_.slot, known_);
  const auto transaction = reader.Next();
  ASSERT_TRUE(transaction);
  EXPECT_EQ(transaction->tables.at(0).writes.inserted, 100'000);
  Changes changes = reader.ChangesOf(*transaction);
  std::int64_t sum = 0;
  while (const Change* change = changes.Next()) sum += std::stoll(std::string(change->row[0].text));
  EXPECT_EQ(sum, 100'000LL * 100'001 / 2);
  EXPECT_GT(fs::file_size(SpoolDirectory(state_, request_.slot) / "messages"), 30'000'000U);
  EXPECT_LT(MostMemoryKb() - before, 16 * 1024);
}

// Whoever may connect can send such messages.
TEST_F(DrainTest, KeepsLittleOfMessagesThatAreNoTags) {
  const std::string large = "SELECT pg_logical_emit_message(true, 'switchback', repeat('m', 1000000))";
  Do("BEGIN; INSERT INTO public.t VALUES (1); " + large + " FROM generate_series(1, 64); COMMIT");
  Do(large);
  Do("SELECT pg_logical_emit_message(true, 'switchback', 'm' || g) FROM generate_series(1, 200000) g");
  Drain({.connect = request_.connect, .slot = "", .publications = {}, .from = {}, .state = state_});
  const std::int64_t before = MostMemoryKb();
  EXPECT_EQ(Drain(request_).transactions, 3);
  EXPECT_THAT(Read(), ElementsAre("unverified: insert public.t id=1 v=NULL big=NULL", "unverified", "unverified"));
  EXPECT_LT(MostMemoryKb() - before, 16 * 1024);
  EXPECT_LT(fs::file_size(SpoolDirectory(state_, request_.slot) / "index"), 3'000U);
}

// Says so before it happens, and after.
TEST(DrainLost, TellsThatASlotIsLostOrSoonWillBe) {
  const sandbox::Workspace workspace("test");
  sandbox::Server server = test::StartFixtureServer(
      workspace, {{"max_slot_wal_keep_size", "96MB"}, {"max_wal_size", "32MB"}, {"min_wal_size", "32MB"}});
  auto connection = pg::Connection::Open({.conninfo = server.Url()});
  connection.Exec("CREATE TABLE public.t(id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE public.t");
  const std::string slot = "switchback_lost";
  const pg::Lsn from = pg::Lsn::Parse(
      connection.Query("SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')", {slot}).Text(0, 0));
  connection.Exec("INSERT INTO public.t VALUES (1)");
  EXPECT_EQ(WhyLost(ReadSlot(connection, slot), slot), "");
  EXPECT_EQ(WhyNearlyLost(ReadSlot(connection, slot), slot), "");
  std::string nearly;
  for (int i = 0; i < 20 && nearly.empty(); ++i) {
    connection.Exec("SELECT pg_logical_emit_message(false, 'other', 'x'); SELECT pg_switch_wal()");
    nearly = WhyNearlyLost(ReadSlot(connection, slot), slot);
  }
  EXPECT_THAT(nearly, HasSubstr("given up after another"));
  DrainRequest request{.connect = {.conninfo = server.Url()},
                       .slot = slot,
                       .publications = {"p"},
                       .from = from,
                       .state = workspace.path() / "state"};
  EXPECT_EQ(Drain(request).not_evidenced, "") << "it is not lost yet";
  connection.Exec("INSERT INTO public.t VALUES (2)");
  for (int i = 0; i < 20 && !ReadSlot(connection, slot).lost; ++i) {
    connection.Exec("SELECT pg_logical_emit_message(false, 'other', 'x'); SELECT pg_switch_wal(); CHECKPOINT");
  }
  EXPECT_THAT(WhyLost(ReadSlot(connection, slot), slot), HasSubstr("gave up the slot"));
  const Drained lost = Drain(request);
  EXPECT_TRUE(lost.lost);
  EXPECT_THAT(lost.not_evidenced, HasSubstr("gave up the slot"));
}

TEST_F(DrainTest, ItsSqlIsPrepared) {
  for (const auto& [file, sql] : sql_text::kAll) EXPECT_NO_THROW(connection_->CheckPrepares(std::string(sql))) << file;
}

}  // namespace
}  // namespace stream
