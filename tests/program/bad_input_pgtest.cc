// What is wrong is said with its place and a remedy, ends with the exit code of its kind, and leaves nothing half done.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "needs_programs.h"
#include "pg/connection.h"
#include "program.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTable =
    "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'), (2, 'b')";
constexpr const char* kChange = "ALTER TABLE users RENAME COLUMN name TO display_name;\n";

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override { project_.Connect().Exec(kTable); }

  // For people: exit code, and each part in what is said on stderr.
  void Refused(const std::vector<std::string>& words, int exit, const std::vector<std::string>& parts,
               const std::map<std::string, std::string>& env = {}) {
    SCOPED_TRACE(testing::PrintToString(words));
    const base::Finished finished = project_.Say(words, env);
    EXPECT_EQ(finished.exit, exit) << finished.out << finished.err;
    EXPECT_EQ(finished.out, "");
    EXPECT_THAT(finished.err, HasSubstr("\n  hint: "));
    for (const std::string& part : parts) EXPECT_THAT(finished.err, HasSubstr(part));
  }

  void Done(const std::vector<std::string>& words) {
    const base::Json envelope = project_.On(words);
    ASSERT_EQ(envelope["exit"], 0) << envelope.dump(1);
  }

  std::vector<std::string> Schema() { return test::SchemaLines(project_.Connect()); }

  // Slots, publications and the like that a command may have left in the target.
  std::int64_t Leftovers() {
    return project_.Connect()
        .Exec("SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)")
        .Int(0, 0);
  }

  test::ServedProject project_;
};

TEST_F(BadInputTest, FilesAreRefusedWithTheirPlace) {
  const fs::path release = project_.MakeRelease("r", kChange);
  const std::vector<std::string> before = Schema();
  const auto yaml = [&](const std::string& text) { base::WriteFile(release / "release.yaml", text); };
  const std::vector<std::string> plan = {"plan", "r"};

  yaml("version: 1\nowner: [me\nchange: change.sql\n");
  Refused(plan, 2, {"SB2303: this is not YAML", "at releases/r/release.yaml:3:7"});
  yaml("version: 1\nownr: me\nchange: change.sql\n");
  Refused(plan, 2, {"unknown key \"ownr\"", "at releases/r/release.yaml:2:1", "Did you mean owner?"});
  yaml("version: 1\nchange: change.sql\nowner: {name: me}\n");
  Refused(plan, 2, {"owner must be a text, and is a mapping", "at releases/r/release.yaml:3:8"});
  yaml("version: 1\nchange: change.sql\nrollback_window: soon\n");
  Refused(plan, 2, {"rollback_window must be a duration", "at releases/r/release.yaml:3:18", "24h"});
  yaml("version: 2\nchange: change.sql\n");
  Refused(plan, 2, {"version must be 1, and is 2", "at releases/r/release.yaml:1:10"});
  yaml("version: 1\nchange: other.sql\n");
  Refused(plan, 2, {"which is no file here", "Create releases/r/other.sql"});
  fs::remove(release / "release.yaml");
  Refused(plan, 2, {"SB2304: releases/r has no release.yaml"});
  Refused({"plan", "nowhere"}, 2, {"SB2304: there is no release \"nowhere\""});

  base::WriteFile(project_.path() / "switchback.yaml", "version: 1\npolcy: {}\n");
  Refused(plan, 2, {"unknown key \"polcy\"", "at switchback.yaml:2:1", "Did you mean policy?"});
  base::WriteFile(project_.path() / "switchback.yaml", "version: [1\n");
  Refused(plan, 2, {"this is not YAML", "at switchback.yaml:"});
  fs::remove(project_.path() / "switchback.yaml");
  Refused(plan, 2, {"SB2301", "switchback init"});

  EXPECT_FALSE(fs::exists(release / "plan.lock.json"));
  EXPECT_FALSE(fs::exists(project_.State("r")));
  EXPECT_EQ(Schema(), before);
}

TEST_F(BadInputTest, SqlIsRefusedWithItsPlace) {
  project_.MakeRelease("r",
                       "-- x\nALTER TABLE users ADD COLUMN c text DEFAULT 'na\xC3\xAFve \xE6\xBC\xA2', ADDD d int;\n");
  Refused({"plan", "r"}, 2,
          {"SB2101: syntax error at or near \"ADDD\"", "at releases/r/change.sql:2:56",
           // Under the first A of ADDD: the label and 55 characters before it, whatever bytes they take.
           "\n" + std::string(std::string("  detail: ").size() + 55, ' ') + "^\n"});
  project_.MakeRelease("r", "\xEF\xBB\xBFSELEC 1;\n");
  Refused({"plan", "r"}, 2, {"at or near \"SELEC\"", "at releases/r/change.sql:1:1\n"});

  project_.MakeRelease("r",
                       "ALTER TABLE nowhere ADD COLUMN c int;\nALTER TABLE users DROP COLUMN gone;\n"
                       "CREATE INDEX i ON users (lost);\nALTER TABLE users ADD FOREIGN KEY (id) REFERENCES away;\n");
  const base::Finished blocked = project_.Say({"plan", "r"});
  EXPECT_EQ(blocked.exit, 10);
  EXPECT_THAT(blocked.out, HasSubstr("public.nowhere (change.sql:1:1): there is no such table"));
  EXPECT_THAT(blocked.out, HasSubstr("public.users.gone (change.sql:2:1): there is no such column"));
  EXPECT_THAT(blocked.out, HasSubstr("public.users.lost (change.sql:3:1): there is no such column"));
  EXPECT_THAT(blocked.out, HasSubstr("public.away (change.sql:4:1): there is no such table"));
  EXPECT_FALSE(fs::exists(project_.path() / "releases/r/plan.lock.json"));
}

TEST_F(BadInputTest, ServersAndRolesThatRefuse) {
  project_.MakeRelease("r", kChange);
  const auto as = [&](const std::string& role) -> std::map<std::string, std::string> {
    return {{"PGOPTIONS", "-c role=" + role}};
  };
  Refused({"plan", "r"}, 20, {"SB2001", "127.0.0.1:1/x"}, {{"DATABASE_URL", "postgresql://u@127.0.0.1:1/x"}});
  Refused({"plan", "r"}, 2, {"SB2014", "\"nowhere\" does not exist"},
          {{"DATABASE_URL", project_.server().Url("nowhere")}});

  project_.Connect().Exec("CREATE ROLE weak LOGIN PASSWORD 'Right1Secret'");
  const fs::path hba = project_.Connect().Exec("SHOW hba_file").Text(0, 0);
  base::RunOrThrow({.argv = {"sed", "-i", "1i local all weak scram-sha-256", hba.string()}, .cwd = "/"});
  base::RunOrThrow({.argv = {"chmod", "a+r", hba.string()}, .cwd = "/"});
  project_.Connect().Exec("SELECT pg_reload_conf()");
  const std::string wrong = std::regex_replace(project_.server().Url(), std::regex("postgres@"), "weak:Wr0ngSecret@");
  for (const char* option : {"--quiet", "--verbose", "--json"}) {
    base::Finished finished;
    // The server reads its rules again in its own time.
    for (int i = 0; i < 50; ++i) {
      finished = project_.Say({"status", option, "r"}, {{"DATABASE_URL", wrong}});
      finished = project_.Say({"plan", option, "r"}, {{"DATABASE_URL", wrong}});
      if (finished.exit == 2) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(finished.exit, 2);
    EXPECT_THAT(finished.out + finished.err, HasSubstr("SB2002"));
    EXPECT_THAT(finished.out + finished.err, Not(HasSubstr("Wr0ngSecret")));
  }

  project_.Connect().Exec("DROP SCHEMA switchback CASCADE");
  Done({"plan", "r"});
  const std::vector<std::string> before = Schema();
  const base::Finished planned = project_.Say({"plan", "r"}, as("weak"));
  EXPECT_EQ(planned.exit, 10);
  EXPECT_THAT(planned.out, HasSubstr("GRANT \"postgres\" TO \"weak\"; or run switchback as its owner"));
  Refused({"checkpoint", "r"}, 2, {"SB2005", "GRANT CREATE ON DATABASE \"postgres\" TO \"weak\";"}, as("weak"));
  EXPECT_EQ(Leftovers(), 0);
  EXPECT_FALSE(fs::exists(project_.State("r") / "checkpoint.json"));

  Done({"checkpoint", "r"});
  Refused({"expand", "r"}, 2, {"SB2005", "permission denied for table journal"}, as("weak"));
  project_.Connect().Exec("GRANT ALL ON switchback.journal TO weak");
  Refused({"expand", "r"}, 10, {"SB2201", "REVOKE ALL ON switchback.journal FROM weak;"});
  project_.Connect().Exec("REVOKE ALL ON switchback.journal FROM weak");
  EXPECT_EQ(Schema(), before);
  Done({"run", "r"});
}

TEST_F(BadInputTest, TheGateNamesWhatIsMissing) {
  const fs::path release = project_.MakeRelease("r", kChange);
  const std::vector<std::string> before = Schema();
  Refused({"expand", "r"}, 2, {"SB3604", "switchback plan r"});
  Done({"plan", "r"});
  Refused({"expand", "r"}, 11,
          {"SB3302", "checkpoint: There is no checkpoint to go back to.", "switchback checkpoint r"});
  Refused({"contract", "r"}, 2, {"SB3605", "switchback expand r"});
  Refused({"restore", "r"}, 2, {"SB3002", "switchback checkpoint"});
  Done({"checkpoint", "r"});

  base::WriteFile(release / "release.yaml", "version: 1\nchange: change.sql\n");
  Refused({"run", "r"}, 11, {"SB3302", "owner: Nobody owns the way back.", "`owner` in release.yaml"});
  base::WriteFile(release / "release.yaml", "version: 1\nowner: me\nchange: change.sql\n");
  Refused({"run", "r"}, 11, {"SB3302", "rollback_window"});
  project_.MakeRelease("r", "ALTER TABLE users RENAME COLUMN name TO other_name;\n");
  Refused({"run", "r"}, 12, {"SB3303", "The release compiles to another plan", "switchback plan r"});
  project_.MakeRelease("r", kChange);

  project_.Connect().Exec("ALTER TABLE users ALTER COLUMN name SET NOT NULL");
  Refused({"run", "r"}, 12, {"SB3303", "public.users: column name"});
  project_.Connect().Exec("ALTER TABLE users ALTER COLUMN name DROP NOT NULL");
  EXPECT_EQ(Schema(), before);
  Done({"run", "r"});

  const std::vector<std::string> expanded = Schema();
  project_.Connect().Exec("CREATE INDEX intruder ON users (name)");
  Refused({"contract", "r"}, 12, {"SB3303", "public.users: index intruder is new"});
  const base::Json standing = project_.On({"status", "r"});
  EXPECT_THAT(standing["result"]["drift"].dump(), HasSubstr("public.users: index intruder is new"));
  EXPECT_EQ(standing["next"], "switchback diagnose r");
  project_.Connect().Exec("ALTER TABLE users DISABLE TRIGGER ALL");
  Refused({"rollback", "r"}, 12, {"SB3106", "public.users: trigger"});
  project_.Connect().Exec("ALTER TABLE users ENABLE TRIGGER ALL; DROP INDEX intruder");
  EXPECT_EQ(Schema(), expanded);
  project_.Connect().Exec("CREATE INDEX intruder ON users (name)");
  Done({"rollback", "r"});
}

TEST_F(BadInputTest, RunStopsAtItsOwnPlanWhereThatIsBlocked) {
  project_.MakeRelease("r", "ALTER TABLE users ADD COLUMN seen int GENERATED ALWAYS AS IDENTITY;\n");
  const base::Json envelope = project_.On({"run", "r"});
  EXPECT_EQ(envelope["exit"], 10) << envelope;
  EXPECT_THAT(envelope["result"]["plan"]["blockers"][0]["remedy"], HasSubstr("CREATE SEQUENCE"));
  EXPECT_FALSE(fs::exists(project_.State("r") / "checkpoint.json"));
}

TEST_F(BadInputTest, OfTwoRunnersOneIsRefused) {
  project_.MakeRelease("r", kChange);
  base::Child first =
      base::Child::Start({.argv = {SB_PROGRAM, "run", "r"},
                          .env = {{"DATABASE_URL", project_.url()}, {"SWITCHBACK_FAILPOINT", "run.after_commit=stop"}},
                          .inherit = base::Inherit::kAll,
                          .cwd = project_.path()},
                         project_.path() / "first.log");
  const auto begun = [&] {
    return project_.Connect()
               .Exec(
                   "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'display_name'")
               .Int(0, 0) == 1;
  };
  for (int i = 0; i < 300 && !begun(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(begun());
  Refused({"run", "r"}, 20, {"hint: Wait until"});
  first.Signal(SIGCONT);
  EXPECT_EQ(first.Wait(std::chrono::seconds(60)), 0) << base::ReadFile(project_.path() / "first.log");
}

TEST_F(BadInputTest, AnArchiveThatDoesNotArchive) {
  project_.MakeRelease("r", kChange);
  Done({"plan", "r"});
  pg::Connection connection = project_.Connect();
  connection.Exec("ALTER SYSTEM SET archive_command = 'false'");
  connection.Exec("SELECT pg_reload_conf()");
  Refused({"checkpoint", "r"}, 20, {"SB2703", "did not reach the archive", "archive_command fails"});
  EXPECT_FALSE(fs::exists(project_.State("r") / "checkpoint.json"));
  EXPECT_EQ(Leftovers(), 0);
  Refused({"expand", "r"}, 11, {"There is no checkpoint to go back to"});

  connection.Exec("ALTER SYSTEM SET archive_mode = off");
  project_.Restart();
  Refused({"checkpoint", "r"}, 2, {"SB2702", "set archive_mode = on"});
}

// The COMMIT of whatever waits for it is not answered, and nobody says why but who waits.
TEST_F(BadInputTest, AStandbyThatIsGone) {
  project_.MakeRelease("r", kChange);
  Done({"plan", "r"});
  project_.Connect().Exec("ALTER SYSTEM SET synchronous_standby_names = 'gone'");
  project_.Connect().Exec("SELECT pg_reload_conf()");
  const std::jthread comes_back([&] {
    const std::string waits =
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND clock_timestamp() - state_change > '8 s'";
    pg::Connection connection = project_.Connect();
    while (connection.Exec(waits).rows() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    connection.Exec("ALTER SYSTEM RESET synchronous_standby_names");
    connection.Exec("SELECT pg_reload_conf()");
  });
  const base::Finished finished = project_.Say({"checkpoint", "r"});
  EXPECT_EQ(finished.exit, 0) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("synchronous_standby_names is 'gone'"));
  EXPECT_THAT(finished.err, HasSubstr("SELECT pg_cancel_backend("));
}

// A disk of its own for the repository; only root can make one.
class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    if (base::Run({.argv = {"mount", "-t", "tmpfs", "-o", "size=30m,mode=0777", "none", disk_.path().string()}}).exit !=
        0)
      GTEST_SKIP() << "a small disk cannot be mounted here";
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) base::Run({.argv = {"umount", "-l", disk_.path().string()}});
  }

  test::Directory disk_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, TheBackupIsRefusedAndNothingIsLeftOfIt) {
  fs::permissions(disk_.path(), fs::perms::all);
  test::ServedProject project("postgres", disk_.path() / "repository");
  project.Connect().Exec(kTable);
  project.MakeRelease("r", kChange);
  ASSERT_EQ(project.On({"plan", "r"})["exit"], 0);
  const base::Finished finished = project.Say({"checkpoint", "r"});
  EXPECT_EQ(finished.exit, 20) << finished.out << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("SB2706"));
  EXPECT_THAT(finished.err, HasSubstr("\n  hint: Free space"));
  EXPECT_FALSE(fs::exists(project.State("r") / "checkpoint.json"));
  for (const auto& entry : fs::recursive_directory_iterator(disk_.path())) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("backup_manifest")));
    EXPECT_NE(entry.path().filename(), "PG_VERSION") << "half a backup is left";
  }
  EXPECT_EQ(project.Connect().Exec("SELECT count(*) FROM pg_replication_slots").Int(0, 0), 0);
}

}  // namespace
