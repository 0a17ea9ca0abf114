// What a way back does to applications that go on, and what it leaves for people to do.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "base/error.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "pg/conninfo.h"
#include "plan/plan.h"
#include "postgres_test.h"
#include "recover/undo.h"
#include "recover/unproven.h"
#include "run/runner.h"

namespace recover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class WaysBack : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    directory_ = std::filesystem::temp_directory_path() / fmt::format("switchback-ways-back-{}", ::getpid());
    std::filesystem::remove_all(directory_);
    release_.name = "20260101-back";
    release_.change_path = "change.sql";
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PostgresTest::TearDown();
  }

  pg::Connection Application() {
    pg::Connection connection = Connect("application");
    connection.Exec("SET search_path = public");
    return connection;
  }
  void Compile(const std::string& setup, const std::string& change) {
    Application().Exec(setup);
    release_.change_sql = change;
    const plan::Needs needs = plan::NeedsOf(release_);
    pg::Connection connection = Connect();
    plan_ = plan::Compile(release_, catalog::Read(connection, {needs.relations, needs.types, needs.statements}));
    for (const plan::Blocker& blocker : plan_.blockers) ADD_FAILURE() << blocker.object << ": " << blocker.reason;
    journal::InstallSchema(connection);
  }
  [[nodiscard]] std::string AsUser(const std::string& role) const {
    auto options = pg::ParseConninfo(url());
    options["user"] = role;
    return pg::FormatConninfo(options);
  }
  // As `role`, where it is given.
  void With(const std::function<void(const run::Session&)>& action, const std::string& role = "") {
    journal::Journal journal = journal::Journal::Open(directory_);
    pg::ConnectOptions connect;
    connect.conninfo = role.empty() ? url() : AsUser(role);
    action(run::Session{connect, plan_, journal, "secret"});
  }
  void RunTo(plan::Phase phase, const std::string& role = "") {
    With([phase](const run::Session& session) { run::RunTo(session, phase); }, role);
  }
  void Back(const std::string& role = "") {
    With([](const run::Session& session) { UndoTo(session, plan::Phase::kStart); }, role);
  }
  // Until somebody waits for a lock on a table.
  void AwaitWaiter() {
    pg::Connection look = Connect();
    while (look.Exec("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'").Int(0, 0) == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  // An application has one table of a foreign key and asks for the other while a way back has the other and asks for
  // the one. The application goes through, whichever it had first.
  void MeetApplications(const std::string& role) {
    const std::pair<const char*, const char*> orders[] = {
        {"DELETE FROM users WHERE id = 9", "SELECT count(*) FROM aaa"},
        {"DELETE FROM users WHERE id = 8", "SELECT count(*) FROM zzz"},
        {"INSERT INTO zzz VALUES (1, 1)", "UPDATE users SET id = 7 WHERE id = 7"},
    };
    for (const auto& [first, second] : orders) {
      SCOPED_TRACE(first);
      RunTo(plan::Phase::kExpand, role);
      pg::Connection application = Application();
      application.Exec("BEGIN");
      application.Exec(first);
      auto back = std::async(std::launch::async, [&] { Back(role); });
      AwaitWaiter();
      EXPECT_NO_THROW(application.Exec(second));
      EXPECT_NO_THROW(application.Exec("COMMIT"));
      EXPECT_NO_THROW(back.get());
    }
  }

  release::Release release_;
  plan::Plan plan_;
  std::filesystem::path directory_;
};

constexpr const char* kTwoTables =
    "CREATE TABLE zzz (id int PRIMARY KEY, u int REFERENCES users); CREATE TABLE aaa (id int PRIMARY KEY, u int "
    "REFERENCES users)";
constexpr const char* kUsers =
    "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users SELECT generate_series(1, 9)";

TEST_F(WaysBack, ApplicationsAreNoVictimsOfADeadlock) {
  Compile(kUsers, kTwoTables);
  MeetApplications("");
}

TEST_F(WaysBack, NorWhereTheRoleMayNotSetDeadlockTimeout) {
  const std::string role = "back's owner";
  Application().Exec(
      fmt::format("CREATE ROLE {0} LOGIN; GRANT CREATE ON SCHEMA public TO {0}; GRANT CREATE ON DATABASE {1} TO {0}",
                  pg::Ident(role), pg::Ident(Application().Exec("SELECT current_database()").Text(0, 0))));
  Application().Exec(fmt::format("{}; ALTER TABLE users OWNER TO {}", kUsers, pg::Ident(role)));
  release_.change_sql = kTwoTables;
  {
    pg::ConnectOptions options;
    options.conninfo = AsUser(role);
    pg::Connection owner = pg::Connection::Open(options);
    EXPECT_THROW(owner.Exec("SET deadlock_timeout = '50ms'"), base::Error);
    const plan::Needs needs = plan::NeedsOf(release_);
    plan_ = plan::Compile(release_, catalog::Read(owner, {needs.relations, needs.types, needs.statements}));
    ASSERT_THAT(plan_.blockers, IsEmpty());
  }
  MeetApplications(role);
  Application().Exec(fmt::format("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", pg::Ident(role)));
}

TEST_F(WaysBack, RowsComeBackByAGeneratedKey) {
  Compile(
      "CREATE TABLE t (id int, n int, key int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY); CREATE TABLE c (id "
      "int, t "
      "int REFERENCES t ON DELETE CASCADE, key int GENERATED ALWAYS AS (id + 1) STORED PRIMARY KEY); INSERT INTO t "
      "(id, "
      "n) SELECT g, g FROM generate_series(1, 5) g; INSERT INTO c (id, t) SELECT g, g * 2 FROM generate_series(1, 5) g",
      "UPDATE t SET n = n * 10 WHERE id > 1; DELETE FROM t WHERE id > 3");
  const auto content = [this] {
    return Application()
        .Exec(
            "SELECT (SELECT string_agg(t::text, ' ' ORDER BY id) FROM t) || (SELECT string_agg(c::text, ' ' ORDER BY "
            "id) FROM c)")
        .Text(0, 0);
  };
  const std::string before = content();
  RunTo(plan::Phase::kMigrate);
  EXPECT_EQ(content(), "(1,1,2) (2,20,4) (3,30,6)(1,2,2) (2,4,3) (3,6,4)");
  Back();
  EXPECT_EQ(content(), before);
}

TEST_F(WaysBack, RowsThatNoUpdatePassesAreNamed) {
  Compile(
      "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, other int); INSERT INTO t SELECT g, g FROM "
      "generate_series(1, "
      "30) g",
      "ALTER TABLE t RENAME COLUMN n TO m; ALTER TABLE t ALTER COLUMN m TYPE bigint");
  RunTo(plan::Phase::kMigrate);
  Application().Exec("UPDATE t SET m = 3000000000 WHERE id = 7 OR id > 15");
  Back();
  pg::Connection connection = Connect();
  std::vector<Unproven> found = ReadUnproven(connection, plan_);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].table.Text(), "public.t");
  EXPECT_EQ(found[0].not_null, "n");
  EXPECT_EQ(found[0].keys.size(), 10U);
  EXPECT_TRUE(found[0].more);
  EXPECT_THROW(Application().Exec("UPDATE t SET other = 1 WHERE id = 7"), base::Error);
  Application().Exec("UPDATE t SET n = 0 WHERE id > 15");
  found = ReadUnproven(connection, plan_);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].keys, ElementsAre("{\"id\": 7}"));
  EXPECT_THAT(Text(found), HasSubstr("each update of them fails (23514): {\"id\": 7}\n"));
  Application().Exec("UPDATE t SET n = 0 WHERE id = 7");
  // What is advised is the way out.
  const std::string remedy = found[0].Remedy();
  const std::size_t begin = remedy.find("ALTER TABLE");
  Application().Exec(remedy.substr(begin, remedy.find(" Until then") - begin));
  EXPECT_THAT(ReadUnproven(connection, plan_), IsEmpty());
  EXPECT_THROW(Application().Exec("UPDATE t SET n = NULL WHERE id = 7"), base::Error);
}

TEST_F(WaysBack, ATableThatComesBackIsWhatItsAuthorWroteOrTheStepFails) {
  Compile(kUsers, "CREATE TABLE c (id int PRIMARY KEY, u int CONSTRAINT c_u REFERENCES users)");
  const auto validated = [this] {
    return Connect().Exec("SELECT convalidated FROM pg_constraint WHERE conname = 'c_u'").Bool(0, 0);
  };
  RunTo(plan::Phase::kExpand);
  Application().Exec("INSERT INTO c VALUES (1, 3)");
  Back();
  Application().Exec("DELETE FROM users WHERE id = 3");
  EXPECT_THROW(RunTo(plan::Phase::kExpand), base::Error);
  EXPECT_FALSE(validated());
  Application().Exec("DELETE FROM c");
  RunTo(plan::Phase::kExpand);
  EXPECT_TRUE(validated());
}

}  // namespace
}  // namespace recover
