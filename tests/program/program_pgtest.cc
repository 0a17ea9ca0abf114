#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "pg/connection.h"
#include "postgres_test.h"
#include "program.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace {

namespace fs = std::filesystem;
using test::Envelope;

bool Names(const base::Json& list, const char* key, const std::string& value) {
  return std::ranges::any_of(list, [&](const base::Json& item) { return item.at(key) == value; });
}

class ProgramOnPostgresTest : public test::PostgresTest {
 protected:
  const fs::path& dir() { return directory_.path(); }
  base::Json On(std::vector<std::string> words) { return Envelope(dir(), std::move(words), {{"DATABASE_URL", url()}}); }

  // A project with one release of this change.
  std::string MakeRelease(const std::string& change) {
    base::WriteFile(dir() / "switchback.yaml", "version: 1\n");
    const std::string name = On({"new", "20260101-users"})["result"]["name"];
    base::WriteFile(dir() / "releases" / name / "change.sql", change);
    return name;
  }

 private:
  test::Directory directory_;
};

TEST_F(ProgramOnPostgresTest, InitMakesTheSchemaAndNamesWhatIsOff) {
  const base::Json first = On({"init", "--repository", (dir() / "backups").string()});
  ASSERT_EQ(first["exit"], 0) << first;
  const base::Json& target = first["result"]["target"];
  EXPECT_EQ(target["schema"], "installed");
  EXPECT_TRUE(Names(target["settings"], "name", "archive_mode")) << target;
  EXPECT_TRUE(Names(target["settings"], "name", "archive_command")) << target;
  EXPECT_FALSE(Names(target["settings"], "name", "wal_level")) << "the test's server has it on";
  EXPECT_TRUE(Connect().Exec("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'switchback')").Bool(0, 0));
  EXPECT_TRUE(fs::is_directory(dir() / "releases"));

  base::WriteFile(dir() / "switchback.yaml", "version: 1\n# mine\n");
  EXPECT_EQ(On({"init"})["exit"], 0);
  EXPECT_EQ(base::ReadFile(dir() / "switchback.yaml"), "version: 1\n# mine\n");
}

TEST_F(ProgramOnPostgresTest, InitNamesTheRightsThatARoleLacks) {
  pg::Connection connection = Connect();
  connection.Exec("DROP ROLE IF EXISTS \"an \"\"App\"; CREATE ROLE \"an \"\"App\" LOGIN");
  const base::Json envelope = Envelope(dir(), {"init"}, {{"DATABASE_URL", url()}, {"PGOPTIONS", "-c role=an\\ \"App"}});
  connection.Exec("DROP ROLE \"an \"\"App\"");
  ASSERT_EQ(envelope["exit"], 0) << envelope;
  const base::Json& target = envelope["result"]["target"];
  EXPECT_EQ(target["schema"], "missing");
  EXPECT_TRUE(Names(target["missing"], "remedy", "ALTER ROLE \"an \"\"App\" REPLICATION;")) << target;
}

TEST_F(ProgramOnPostgresTest, InitNamesTheOwnerOfASchemaThatIsNotTheRoles) {
  ASSERT_EQ(On({"init"})["exit"], 0);
  pg::Connection connection = Connect();
  connection.Exec("DROP ROLE IF EXISTS deployer; CREATE ROLE deployer LOGIN");
  const base::Json envelope = Envelope(dir(), {"init"}, {{"DATABASE_URL", url()}, {"PGOPTIONS", "-c role=deployer"}});
  const std::string owner = connection.Exec("SELECT current_user").Text(0, 0);
  connection.Exec("DROP ROLE deployer");
  ASSERT_EQ(envelope["exit"], 0) << envelope;
  EXPECT_TRUE(
      Names(envelope["result"]["target"]["missing"], "text", "the schema switchback belongs to the role " + owner))
      << envelope;
}

TEST_F(ProgramOnPostgresTest, InitWorksWithoutADatabase) {
  const base::Json none = Envelope(dir(), {"init", "p"});
  EXPECT_EQ(none["exit"], 0);
  EXPECT_EQ(none["result"]["target_error"]["code"], "SB2013");
  EXPECT_TRUE(fs::is_regular_file(dir() / "p/switchback.yaml"));
  const base::Json away = Envelope(dir(), {"init", "p"}, {{"DATABASE_URL", "postgresql://127.0.0.1:1/x"}});
  EXPECT_EQ(away["exit"], 0);
  EXPECT_EQ(away["result"]["target_error"]["code"], "SB2001");
  EXPECT_EQ(Envelope(dir(), {"init", "p", "--apply"})["error"]["code"], "SB2013");
}

TEST_F(ProgramOnPostgresTest, APasswordOnTheCommandLineIsRefusedBeforeAnythingIsWritten) {
  const base::Json envelope = Envelope(dir(), {"init", "p", "--database", "postgresql://app:secret@localhost/x"});
  EXPECT_EQ(envelope["error"]["code"], "SB2010");
  EXPECT_EQ(envelope.dump().find("secret"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir() / "p"));
}

TEST_F(ProgramOnPostgresTest, InitAppliesTheSettingsAndThenNothingIsOff) {
  sandbox::Workspace workspace("test");
  sandbox::ServerOptions options;
  options.binaries = sandbox::FindBinaries();
  options.data = workspace.path() / "data";
  options.account = sandbox::ServerAccount();
  sandbox::Server server = sandbox::Server::Initialize(options);
  server.Start();
  const std::map<std::string, std::string> env = {{"DATABASE_URL", server.Url()}};
  const base::Json applied =
      Envelope(dir(), {"init", "--apply", "--repository", (workspace.path() / "repository").string()}, env);
  ASSERT_EQ(applied["exit"], 0) << applied;
  EXPECT_EQ(applied["result"]["target"]["applied"], true);
  EXPECT_EQ(applied["result"]["target"]["needs_restart"], true);
  EXPECT_TRUE(Names(applied["result"]["target"]["settings"], "name", "wal_level"));
  server.Stop();
  server.Start();
  const base::Json again = Envelope(dir(), {"init"}, env);
  EXPECT_EQ(again["result"]["target"]["settings"], base::Json::array()) << again;
  EXPECT_EQ(again["result"]["target"]["missing"], base::Json::array()) << again;
}

TEST_F(ProgramOnPostgresTest, PlanWritesTheLockFileAndSaysWhatChangedSince) {
  pg::Connection connection = Connect();
  connection.Exec(
      "CREATE TABLE public.users (id int PRIMARY KEY, name text); INSERT INTO public.users VALUES (1, 'a')");
  const std::string name = MakeRelease("ALTER TABLE users RENAME COLUMN name TO display_name;\n");
  const base::Json planned = On({"plan", name});
  ASSERT_EQ(planned["exit"], 0) << planned;
  const base::Json& plan = planned["result"]["plan"];
  EXPECT_FALSE(plan["steps"].empty());
  EXPECT_EQ(plan["needs_acceptance"], false);
  const fs::path lock = dir() / "releases" / name / "plan.lock.json";
  EXPECT_EQ(base::ReadJsonFile(lock)["digest"], plan["digest"]);
  EXPECT_FALSE(connection.Exec("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'switchback')").Bool(0, 0));

  EXPECT_EQ(On({"plan", name})["result"]["plan"]["digest"], plan["digest"]);
  connection.Exec("ALTER TABLE public.users ALTER COLUMN name SET DEFAULT 'extra'");
  const base::Json replanned = On({"plan", name});
  EXPECT_NE(replanned["result"]["plan"]["digest"], plan["digest"]);
  EXPECT_NE(replanned["result"]["changes"].dump().find("extra"), std::string::npos) << replanned["result"]["changes"];
}

TEST_F(ProgramOnPostgresTest, ABlockedPlanIsNoGoAndWritesNothing) {
  const std::string name = MakeRelease("ALTER TABLE nowhere RENAME COLUMN name TO display_name;\n");
  const base::Json envelope = On({"plan", name});
  EXPECT_EQ(envelope["exit"], 10) << envelope;
  ASSERT_FALSE(envelope["result"]["plan"]["blockers"].empty());
  EXPECT_EQ(envelope["result"]["plan"]["blockers"][0]["line"], 1);
  EXPECT_FALSE(fs::exists(dir() / "releases" / name / "plan.lock.json"));
}

TEST_F(ProgramOnPostgresTest, ASyntaxErrorNamesItsPlace) {
  const std::string name = MakeRelease("-- \xC3\xA9\nALTER TABLE users RENAME COLMN a TO b;\n");
  const base::Json envelope = On({"plan", name});
  EXPECT_EQ(envelope["exit"], 2) << envelope;
  EXPECT_EQ(envelope["error"]["at"]["file"], "releases/" + name + "/change.sql");
  EXPECT_EQ(envelope["error"]["at"]["line"], 2);
}

TEST_F(ProgramOnPostgresTest, PauseAndResumeLeaveWordForTheBackfill) {
  const std::string name = MakeRelease("ALTER TABLE users ADD COLUMN age int");
  const base::Json paused = On({"pause", name});
  EXPECT_EQ(paused["exit"], 0) << paused;
  EXPECT_EQ(paused["result"]["runs"], false);
  EXPECT_EQ(Connect().Exec("SELECT release FROM switchback.pause").Text(0, 0), name);
  EXPECT_EQ(On({"resume", name})["result"]["was_paused"], true);
  EXPECT_EQ(On({"resume", name})["result"]["was_paused"], false);
  EXPECT_EQ(On({"migrate", name, "--max-rate", "fast"})["exit"], 2);
}

TEST_F(ProgramOnPostgresTest, StatusAndNotesTellWhereAReleaseStands) {
  Connect().Exec("CREATE TABLE public.users (id int PRIMARY KEY, name text)");
  const std::string name = MakeRelease("ALTER TABLE users ADD COLUMN a int;\n");
  EXPECT_EQ(On({"status", name})["next"], "switchback plan " + name);
  ASSERT_EQ(On({"plan", name})["exit"], 0);
  EXPECT_EQ(On({"note", name, "told", "the", "team"})["result"]["text"], "told the team");
  const base::Json status = On({"status", name});
  EXPECT_EQ(status["result"]["position"]["state"], "clean") << status;
  EXPECT_EQ(status["result"]["position"]["steps_done"], 0);
  EXPECT_EQ(status["result"]["last_event"]["kind"], "note");
  EXPECT_EQ(status["next"], "switchback checkpoint " + name);
  const base::Json all = On({"status"});
  ASSERT_EQ(all["result"]["releases"].size(), 1U);
  EXPECT_EQ(all["result"]["releases"][0]["release"], name);
}

}  // namespace
