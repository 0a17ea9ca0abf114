// Salvage of what applications wrote while a release that was really planned ran under them, and of tables that the
// stream does not show as a whole.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <string>

#include "archiving_server.h"
#include "base/error.h"
#include "base/file.h"
#include "catalog/read.h"
#include "checkpoint/take.h"
#include "journal/mirror.h"
#include "journal/tag.h"
#include "needs_programs.h"
#include "recover/restore.h"
#include "recover/salvage.h"
#include "run/runner.h"

namespace recover {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTables = R"(
CREATE TABLE account (id serial PRIMARY KEY, name text NOT NULL, points int NOT NULL);
INSERT INTO account (name, points) SELECT 'name ' || g, 100 FROM generate_series(1, 9) AS g;
CREATE TABLE rewritten (id int PRIMARY KEY, v int, w text);
INSERT INTO rewritten SELECT g, g, 'w' FROM generate_series(1, 3) AS g;
CREATE TABLE whole (id int PRIMARY KEY, v int, w text); ALTER TABLE whole REPLICA IDENTITY FULL;
INSERT INTO whole SELECT g, g, repeat(md5(g::text), 200) FROM generate_series(1, 3) AS g;
CREATE TABLE bare (v int); ALTER TABLE bare REPLICA IDENTITY FULL;
INSERT INTO bare VALUES (1);
)";
constexpr const char* kChange =
    "ALTER TABLE account RENAME COLUMN name TO title; ALTER TABLE account ALTER COLUMN points TYPE bigint;";

class ReleaseSalvageTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = test::MissingPrograms(test::kBackupPrograms)) GTEST_SKIP() << *missing;
    made_.Connect(made_.server.Url()).Exec("CREATE DATABASE shop");
    connect_.conninfo = made_.server.Url("shop");
    Application(kTables);
    release_.name = "20260101-title";
    release_.change_path = "change.sql";
    release_.change_sql = kChange;
    const plan::Needs needs = plan::NeedsOf(release_);
    pg::Connection connection = pg::Connection::Open(connect_);
    plan_ = plan::Compile(release_,
                          catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions}));
    journal::InstallSchema(connection);
    checkpoint::Options options;
    options.conninfo = connect_.conninfo;
    options.state = state_;
    journal::Journal journal = journal::Journal::Open(state_);
    checkpoint::Take(plan_, options, made_.provider, journal);
  }

  void Application(const std::string& sql) {
    pg::Connection connection = pg::Connection::Open({.conninfo = connect_.conninfo, .application_name = "shop"});
    connection.Exec("SET search_path = public");
    connection.Exec(sql);
  }
  void RunTo(plan::Phase phase) {
    journal::Journal journal = journal::Journal::Open(state_);
    run::RunTo({connect_, plan_, journal, journal::RunSecret(state_)}, phase);
  }
  std::string Restore(const std::string& directory) {
    journal::Journal journal = journal::Journal::Open(state_);
    RestoreOptions options;
    options.conninfo = connect_.conninfo;
    options.state = state_;
    options.directory = made_.workspace.path() / directory;
    return recover::Restore(options, made_.provider, journal).restored.url;
  }
  SalvageReport Salvage(const std::string& restored) {
    journal::Journal journal = journal::Journal::Open(state_);
    return recover::Salvage({.conninfo = connect_.conninfo, .state = state_, .plan = plan_}, restored, journal);
  }
  // "table key column": kind.
  std::map<std::string, std::string> Kinds() {
    std::map<std::string, std::string> kinds;
    const base::Json file = base::Json::parse(base::ReadFile(state_ / "conflicts.json"));
    for (const base::Json& conflict : file.at("conflicts")) {
      kinds[fmt::format("{} {} {}", conflict.at("table")[1].get<std::string>(),
                        conflict.at("key").value("id", std::string()), conflict.value("column", std::string()))] =
          conflict.at("cause");
    }
    return kinds;
  }

  test::ArchivingServer made_;
  pg::ConnectOptions connect_;
  release::Release release_;
  plan::Plan plan_;
  fs::path state_ = made_.workspace.path() / "state";
};

constexpr const char* kAccounts =
    "SELECT string_agg(concat_ws(' ', id, name, points), ', ' ORDER BY id) FROM public.account WHERE id < 4 OR id > 6";

TEST_F(ReleaseSalvageTest, BothVersionsWriteThroughAllPhases) {
  Application("UPDATE account SET points = 11 WHERE id = 1");
  RunTo(plan::Phase::kMigrate);
  Application("UPDATE account SET name = 'of the old version', points = 22 WHERE id = 2");
  Application("UPDATE account SET title = 'of the new version' WHERE id = 3");
  RunTo(plan::Phase::kContract);
  Application("UPDATE account SET title = 'behind contract', points = 77 WHERE id = 7");
  Application("INSERT INTO account (title, points) VALUES ('inserted', 10)");
  Application("UPDATE account SET points = 3000000000 WHERE id = 5");  // the old column cannot have it
  Application("ALTER TABLE rewritten ALTER COLUMN v TYPE bigint USING v * 1000");
  Application(
      "UPDATE rewritten SET v = v + 1 WHERE id = 1; DELETE FROM rewritten WHERE id = 2;"
      "INSERT INTO rewritten VALUES (4, 4, 'new')");
  Application(
      "UPDATE whole SET v = v + 10 WHERE id = 1; UPDATE whole SET id = 20, w = 'short' WHERE id = 2;"
      "DELETE FROM whole WHERE id = 3; INSERT INTO bare VALUES (2); UPDATE bare SET v = 3 WHERE v = 1");

  const std::string url = Restore("restored");
  const SalvageReport done = Salvage(url);
  auto restored = made_.Connect(url);
  EXPECT_EQ(restored.Query(kAccounts).Text(0, 0),
            "1 name 1 11, 2 of the old version 22, 3 of the new version 100, 7 behind contract 77, 8 name 8 100, "
            "9 name 9 100, 10 inserted 10");
  EXPECT_EQ(
      restored.Query("SELECT string_agg(concat_ws(' ', id, v, w), ', ' ORDER BY id) FROM public.rewritten").Text(0, 0),
      "1 1 w, 2 2 w, 3 3 w, 4 4 new");
  EXPECT_EQ(restored.Query("SELECT string_agg(concat_ws(' ', id, v, length(w)), ', ' ORDER BY id) FROM public.whole")
                .Text(0, 0),
            "1 11 6400, 20 2 5");
  EXPECT_EQ(restored.Query("SELECT string_agg(v::text, ' ' ORDER BY v) FROM public.bare").Text(0, 0), "1 2");
  EXPECT_EQ(Kinds(),
            (std::map<std::string, std::string>{
                {"account 5 points", "out_of_step"}, {"rewritten 1 v", "column"}, {"rewritten 2 ", "changed_row"}}));
  EXPECT_EQ(done.report.Skipped(), 1);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());

  // Of an old server that is gone there is what was read before.
  Application("UPDATE account SET points = 88 WHERE id = 8");
  CountLoss({.conninfo = connect_.conninfo, .state = state_, .plan = plan_});
  Application("UPDATE account SET points = 99 WHERE id = 9");
  made_.server.Stop(sandbox::Server::StopMode::kImmediate);
  const std::string again = Restore("restored again");
  const SalvageReport gone = Salvage(again);
  EXPECT_TRUE(done.old_server_answered);
  EXPECT_FALSE(gone.old_server_answered);
  EXPECT_THAT(gone.note, testing::HasSubstr("counted up to " + gone.report.account.through.Text()));
  auto second = made_.Connect(again);
  EXPECT_EQ(
      second.Query("SELECT string_agg(points::text, ' ' ORDER BY id) FROM public.account WHERE id > 6").Text(0, 0),
      "77 88 100 10");
  EXPECT_EQ(second.Query("SELECT nextval('public.account_id_seq')").Int(0, 0), 11);
  journal::Journal journal = journal::Journal::Open(state_);
  try {
    CutOver({.conninfo = connect_.conninfo, .state = state_, .plan = plan_}, {}, again, journal);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kUnreachable);
  }
}

}  // namespace
}  // namespace recover
