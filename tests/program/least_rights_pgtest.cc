// The main job under exactly the rights that `switchback init --print-grants` prints, as a role that is no superuser
// and may not replicate.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "needs_programs.h"
#include "pg/quote.h"
#include "program.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

using testing::HasSubstr;
using testing::Not;

constexpr const char* kRole = "de\"ploy; --";
constexpr const char* kOwner = "shop owner";
constexpr const char* kChange = R"(ALTER TABLE sales.customers RENAME COLUMN name TO full_name;
ALTER TABLE sales.customers ALTER COLUMN full_name SET NOT NULL;
ALTER TABLE sales.customers ALTER COLUMN points TYPE bigint;
ALTER TABLE sales.customers DROP COLUMN fax;
CREATE INDEX customers_name ON sales.customers (full_name);
UPDATE sales.shops SET city = 'Wien' WHERE city = 'Vienna';
CREATE TABLE sales.vouchers (id int PRIMARY KEY, customer int REFERENCES sales.customers);
)";

class LeastRights : public testing::Test {
 protected:
  void SetUp() override {
    auto admin = project_.Connect();
    admin.Exec(
        fmt::format("DROP SCHEMA switchback CASCADE; CREATE ROLE {0}; CREATE ROLE {1} LOGIN; "
                    "CREATE SCHEMA sales AUTHORIZATION {0}; CREATE TABLE sales.customers (id int PRIMARY KEY, "
                    "name text NOT NULL, points int DEFAULT 0, fax text); CREATE TABLE sales.shops (id int PRIMARY "
                    "KEY, city text); "
                    "ALTER TABLE sales.customers OWNER TO {0}; ALTER TABLE sales.shops OWNER TO {0}; INSERT INTO "
                    "sales.customers SELECT g, 'n' || g, g, "
                    "'f' FROM generate_series(1, 500) g; INSERT INTO sales.shops VALUES (1, 'Vienna')",
                    pg::Ident(kOwner), pg::Ident(kRole)));
    project_.MakeRelease("main", kChange);
    // A superuser takes the backup, and does not believe what the schema of another role says unless told to.
    const auto file = project_.path() / "switchback.yaml";
    base::WriteFile(file,
                    base::ReadFile(file) + "\ntrust:\n  - {role: 'de\"ploy; --', reason: it makes the releases}\n");
  }

  // As the role; its envelope.
  base::Json As(const std::vector<std::string>& words) {
    return project_.On(words, {{"PGUSER", kRole}, {"DATABASE_URL", Url()}});
  }
  [[nodiscard]] std::string Url() const {
    std::string url = project_.url();
    const std::string mark = "postgres@";
    return url.replace(url.find(mark), mark.size(), "");
  }
  void Do(const std::vector<std::string>& words) {
    const base::Json said = As(words);
    ASSERT_EQ(said["exit"], 0) << words.front() << "\n" << said.dump(2);
  }
  // Those whose ability `wanted` says yes to.
  template <typename Wanted>
  void Grant(const Wanted& wanted) {
    auto admin = project_.Connect();
    const base::Json printed = project_.On({"init", "--print-grants", "--role", kRole});
    for (const base::Json& ability : printed["result"]["abilities"]) {
      if (!wanted(ability)) continue;
      for (const base::Json& statement : ability["statements"]) admin.Exec(statement.get<std::string>());
    }
  }

  // A base backup is another role's to take; the checkpoint of this role uses it.
  void TakeBackup() {
    project_.MakeRelease("backup", "CREATE TABLE sales.never (id int);");
    ASSERT_EQ(project_.On({"plan", "backup"})["exit"], 0);
    ASSERT_EQ(project_.On({"checkpoint", "backup"})["exit"], 0);
  }

  test::ServedProject project_;
};

#define DO(...) ASSERT_NO_FATAL_FAILURE(Do({__VA_ARGS__}))

TEST_F(LeastRights, TheMainJobRunsUnderThemAndNotWithoutThem) {
  EXPECT_NE(As({"init"})["result"]["target"]["missing"].size(), 0U);
  Grant([](const base::Json& ability) { return ability["required"] == true; });
  DO("init");
  DO("plan", "main");
  TakeBackup();
  const base::Json checkpoint = As({"checkpoint", "main"});
  ASSERT_EQ(checkpoint["exit"], 0) << checkpoint.dump(2);
  EXPECT_TRUE(checkpoint["result"]["slot"].is_null());
  EXPECT_NE(checkpoint["result"]["abilities_off"].size(), 0U);

  DO("run", "main", "--until", "contract");
  DO("rollback", "main");
  DO("run", "main", "--until", "contract");
  DO("purge", "main");
  auto admin = project_.Connect();
  const auto row =
      admin.Exec("SELECT full_name, points, (SELECT city FROM sales.shops) FROM sales.customers WHERE id = 7");
  EXPECT_EQ(row.Text(0, 0) + row.Text(0, 1) + row.Text(0, 2), "n77Wien");
  EXPECT_FALSE(admin.Query("SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = $1", {kRole}).Bool(0, 0));
}

TEST_F(LeastRights, WithoutMembershipInTheOwnerNothingIsChanged) {
  Grant([](const base::Json& ability) { return ability["required"] == true; });
  DO("init");
  DO("plan", "main");
  TakeBackup();
  ASSERT_EQ(As({"checkpoint", "main"})["exit"], 0);
  project_.Connect().Exec(fmt::format("REVOKE {} FROM {}", pg::Ident(kOwner), pg::Ident(kRole)));
  const base::Json said = As({"run", "main"});
  EXPECT_EQ(said["exit"], 10) << said.dump(2);
  EXPECT_EQ(said["error"]["target_changed"], "no");
}

TEST_F(LeastRights, AllAbilitiesTogetherSwitchEverythingOn) {
  Grant([](const base::Json&) { return true; });
  DO("init");
  DO("plan", "main");
  const base::Json checkpoint = As({"checkpoint", "main"});
  ASSERT_EQ(checkpoint["exit"], 0) << checkpoint.dump(2);
  EXPECT_NE(checkpoint["result"]["slot"], "");
  EXPECT_EQ(checkpoint["result"]["abilities_off"].size(), 0U) << checkpoint["result"]["abilities_off"];
}

// The fence of a cut-over holds against those who may do more than its role, which owns none of the tables.
TEST_F(LeastRights, ACutOverFencesThemAll) {
  auto admin = project_.Connect();
  Grant([](const base::Json&) { return true; });
  DO("init");
  DO("plan", "main");
  DO("checkpoint", "main");
  DO("run", "main");
  auto application = project_.Connect();  // a superuser's session
  application.Exec("SET session_replication_role = replica; INSERT INTO sales.shops VALUES (2, 'Graz')");
  const base::Json cut_over = As({"restore", "main", "--salvage", "--cut-over"});
  ASSERT_EQ(cut_over["exit"], 0) << cut_over.dump(2);
  EXPECT_EQ(cut_over["result"]["cut_over"]["fence"]["open"], base::Json::array());
  auto restored = pg::Connection::Open({.conninfo = cut_over["result"]["url"].get<std::string>()});
  EXPECT_EQ(restored.Exec("SELECT string_agg(city, ' ' ORDER BY id) FROM sales.shops").Text(0, 0), "Vienna Graz");
  EXPECT_FALSE(
      admin
          .Query("SELECT rolsuper OR EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relname IN ('customers', "
                 "'shops')) FROM pg_roles AS r WHERE rolname = $1",
                 {kRole})
          .Bool(0, 0));
  for (const char* write : {"INSERT INTO sales.shops VALUES (3, 'Linz')", "UPDATE sales.customers SET points = 0",
                            "TRUNCATE sales.shops", "DELETE FROM sales.customers"}) {
    try {
      application.Exec(write);
      ADD_FAILURE() << write;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.sqlstate(), "25006") << error.what();
    }
  }
  EXPECT_EQ(application.Exec("SELECT count(*) FROM sales.customers, sales.shops").Int(0, 0), 1000);
  DO("restore", "main", "--lift-fence");
  EXPECT_NO_THROW(application.Exec("INSERT INTO sales.shops VALUES (3, 'Linz')"));
  EXPECT_EQ(admin.Exec("SELECT count(*) FROM pg_trigger WHERE tgname = 'switchback_fence'").Int(0, 0), 0);
}

TEST_F(LeastRights, TheScriptIsForPsqlAndNeverMakesASuperuser) {
  project_.Connect().Exec("CREATE TABLE public.mine (i int)");
  const auto script = project_.Say({"init", "--print-grants", "--role", kRole}).out;
  EXPECT_THAT(script, HasSubstr("GRANT \"shop owner\" TO \"de\"\"ploy; --\""));
  EXPECT_THAT(script, HasSubstr("belong to the superuser \"postgres\""));
  EXPECT_THAT(script, Not(HasSubstr("GRANT \"postgres\"")));
  const auto file = project_.path() / "grants.sql";
  base::WriteFile(file, script);
  const auto ran = base::Run({.argv = {"psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", file.string(), project_.url()}});
  EXPECT_EQ(ran.exit, 0) << ran.err;
}

}  // namespace
