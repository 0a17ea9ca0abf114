// Every compile rule on a real server: forward phase by phase with both versions writing, back, forward again,
// complete; in the end the schema is the one that change.sql itself would have made, but for the order of columns.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "plan/plan.h"
#include "postgres_test.h"
#include "recover/undo.h"
#include "run/runner.h"

namespace recover {
namespace {

struct Rule {
  std::string name;
  std::string setup;       // before the release
  std::string change;      // change.sql
  std::string old_write;   // statements of the old version: pass from the start until contract
  std::string new_write;   // statements of the new version: pass from the end of migrate, or of switch
  bool exact_undo = true;  // after the way back the schema is the first one, but for retired columns
};

void PrintTo(const Rule& rule, std::ostream* out) { *out << rule.name; }

const Rule kRules[] = {
    {"AddColumn", "CREATE TABLE t (id int PRIMARY KEY)", "ALTER TABLE t ADD COLUMN note varchar(20)",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t", "INSERT INTO t (id, note) SELECT max(id) + 1, 'x' FROM t"},
    {"AddColumnWithConstantDefault", "CREATE TABLE t (id int PRIMARY KEY)",
     "ALTER TABLE t ADD COLUMN state text NOT NULL DEFAULT 'new'", "INSERT INTO t (id) SELECT max(id) + 1 FROM t",
     "INSERT INTO t (id, state) SELECT max(id) + 1, 'x' FROM t"},
    {"AddColumnWithVolatileDefault", "CREATE TABLE t (id int PRIMARY KEY)",
     "ALTER TABLE t ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid()",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t",
     "INSERT INTO t (id, token) SELECT max(id) + 1, gen_random_uuid() FROM t"},
    {"DropColumn", "CREATE TABLE t (id int PRIMARY KEY, note text)", "ALTER TABLE t DROP COLUMN note",
     "INSERT INTO t (id, note) SELECT max(id) + 1, 'x' FROM t", "INSERT INTO t (id) SELECT max(id) + 1 FROM t"},
    {"DropColumnWithForeignKey",
     "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (id int PRIMARY KEY, p int "
     "REFERENCES p)",
     "ALTER TABLE t DROP COLUMN p", "INSERT INTO t (id, p) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t"},
    {"RenameColumn",
     "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL DEFAULT 'n', CONSTRAINT short CHECK (length(name) < 50)); "
     "CREATE INDEX by_name ON t (lower(name), id)",
     "ALTER TABLE t RENAME COLUMN name TO title",
     "INSERT INTO t (id, name) SELECT max(id) + 1, 'old' FROM t; UPDATE t SET name = name || 'o' WHERE id = 1",
     "INSERT INTO t (id, title) SELECT max(id) + 1, 'new' FROM t; UPDATE t SET title = title || 'n' WHERE id = 1"},
    {"RenameUniqueColumn",
     "CREATE TABLE t (id int PRIMARY KEY, code int CONSTRAINT one UNIQUE); CREATE UNIQUE INDEX both_of ON t (code, id)",
     "ALTER TABLE t RENAME COLUMN code TO number", "INSERT INTO t (id, code) SELECT max(id) + 1, max(id) + 1 FROM t",
     "INSERT INTO t (id, number) SELECT max(id) + 1, max(id) + 1 FROM t"},
    {"RenameForeignKey",
     "CREATE TABLE p (p_id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (id int PRIMARY KEY, p_id int "
     "NOT NULL DEFAULT 1 REFERENCES p (p_id) ON DELETE CASCADE)",
     "ALTER TABLE t RENAME COLUMN p_id TO parent", "INSERT INTO t (id, p_id) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, parent) SELECT max(id) + 1, 1 FROM t"},
    {"RenameSerial", "CREATE TABLE t (id int PRIMARY KEY, n serial)", "ALTER TABLE t RENAME COLUMN n TO number",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t", "INSERT INTO t (id) SELECT max(id) + 1 FROM t"},
    {"WidenInteger", "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 5); CREATE INDEX by_n ON t (n)",
     "ALTER TABLE t ALTER COLUMN n TYPE bigint",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 6 FROM t; UPDATE t SET n = n + 1 WHERE id = 1",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 7 FROM t; UPDATE t SET n = n + 1 WHERE id = 1"},
    {"WidenText", "CREATE TABLE t (id int PRIMARY KEY, n varchar(10))", "ALTER TABLE t ALTER COLUMN n TYPE varchar(20)",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 'a' FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 'longer than ten' FROM t", false},
    {"RenameAndWidenAndNotNull", "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0)",
     "ALTER TABLE t RENAME COLUMN n TO m; ALTER TABLE t ALTER COLUMN m TYPE bigint, ALTER COLUMN m SET NOT NULL, ALTER "
     "COLUMN m SET DEFAULT 1",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 3 FROM t; UPDATE t SET n = n + 1 WHERE id = 1",
     "INSERT INTO t (id, m) SELECT max(id) + 1, 4 FROM t; UPDATE t SET m = m + 1 WHERE id = 1"},
    {"SetNotNull", "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 1)", "ALTER TABLE t ALTER COLUMN n SET NOT NULL",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"DropNotNull", "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 1)",
     "ALTER TABLE t ALTER COLUMN n DROP NOT NULL", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 2 FROM t"},
    {"Defaults", "CREATE TABLE t (id int PRIMARY KEY, a int, b int DEFAULT 2)",
     "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1, ALTER COLUMN b DROP DEFAULT",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t", "INSERT INTO t (id, b) SELECT max(id) + 1, 1 FROM t"},
    {"ReplicaIdentity",
     "CREATE TABLE t (id int PRIMARY KEY, n serial); CREATE UNIQUE INDEX by_n ON t (n); ALTER TABLE t REPLICA IDENTITY "
     "USING INDEX by_n",
     "ALTER TABLE t REPLICA IDENTITY FULL", "UPDATE t SET n = -n", "INSERT INTO t (id) SELECT max(id) + 1 FROM t"},
    {"AddCheck", "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 1)",
     "ALTER TABLE t ADD CONSTRAINT positive CHECK (n > 0)", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"AddForeignKey",
     "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (id int PRIMARY KEY, p int DEFAULT "
     "1)",
     "ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES p", "INSERT INTO t (id, p) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, p) SELECT max(id) + 1, 1 FROM t"},
    {"AddUnique", "CREATE TABLE t (id int PRIMARY KEY, n int)", "ALTER TABLE t ADD CONSTRAINT once UNIQUE (n)",
     "INSERT INTO t (id, n) SELECT max(id) + 1, max(id) + 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, max(id) + 1 FROM t"},
    {"DropCheck", "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 1 CONSTRAINT positive CHECK (n > 0))",
     "ALTER TABLE t DROP CONSTRAINT positive", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 2 FROM t"},
    {"CreateAndDropIndex", "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE INDEX gone ON t (n)",
     "CREATE INDEX made ON t (n DESC) WHERE n > 0; DROP INDEX gone",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"CreateTable", "CREATE TABLE t (id int PRIMARY KEY)",
     "CREATE TABLE made (id int PRIMARY KEY, t int REFERENCES t, note text); CREATE INDEX made_note ON made (note)",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t",
     "INSERT INTO made (id, t) SELECT coalesce(max(id), 0) + 1, 1 FROM made"},
    {"DropTable",
     "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE gone (id int PRIMARY KEY, t int REFERENCES t); CREATE INDEX "
     "gone_t ON gone (t)",
     "DROP TABLE gone", "INSERT INTO gone (id, t) SELECT coalesce(max(id), 0) + 1, 1 FROM gone",
     "INSERT INTO t (id) SELECT max(id) + 1 FROM t"},
    {"Update", "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 1)", "UPDATE t SET n = n * 10 WHERE n IS NOT NULL",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"UpdateBesideATrigger",
     "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 1, touched int DEFAULT 0); INSERT INTO t VALUES (-1, 7, 5); "
     "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := 0; RETURN NEW; END'; "
     "CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()",
     "UPDATE t SET n = 8 WHERE n = 7",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 / (SELECT CASE WHEN touched = 0 AND n = 7 THEN 0 ELSE 1 END FROM t "
     "WHERE id = -1) FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"UpdateByAGeneratedKey",
     "CREATE TABLE t (id int, n int DEFAULT 1, key int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY)",
     "UPDATE t SET n = n * 10", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"DeleteByAGeneratedKeyWithACascade",
     "CREATE TABLE t (id int, n int, key int GENERATED ALWAYS AS (id * 2) STORED PRIMARY KEY); CREATE TABLE c (id int, "
     "t "
     "int REFERENCES t ON DELETE CASCADE, key int GENERATED ALWAYS AS (id + 1) STORED PRIMARY KEY); INSERT INTO t (id, "
     "n) "
     "VALUES (-1, 9); INSERT INTO c (id, t) VALUES (1, -2)",
     "DELETE FROM t WHERE n = 9", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
    {"Delete",
     "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE "
     "CASCADE); INSERT INTO t VALUES (-1, 9); INSERT INTO c VALUES (1, -1)",
     "DELETE FROM t WHERE n = 9", "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t",
     "INSERT INTO t (id, n) SELECT max(id) + 1, 1 FROM t"},
};

class RulesTest : public test::PostgresTest, public testing::WithParamInterface<Rule> {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    directory_ = std::filesystem::temp_directory_path() / fmt::format("switchback-rules-{}", ::getpid());
    std::filesystem::remove_all(directory_);
    Application(GetParam().setup);
    // Rows that are there before the release, where the table admits them.
    if (GetParam().name != "CreateTable")
      Application("INSERT INTO t (id) SELECT generate_series(1, 3)");
    else
      Application("INSERT INTO t VALUES (1)");
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PostgresTest::TearDown();
  }

  // As an application speaks: with its own search_path.
  void Application(const std::string& sql) {
    pg::Connection connection = Connect("application");
    connection.Exec("SET search_path = public; " + sql);
  }

  plan::Plan Compiled() {
    release_.name = "20260101-rule";
    release_.title = GetParam().name;
    release_.change_path = "change.sql";
    release_.change_sql = GetParam().change;
    return plan::Compile(release_, Read());
  }

  catalog::Catalog Read() {
    const plan::Needs needs = plan::NeedsOf(release_);
    pg::Connection connection = Connect();
    return catalog::Read(connection, {needs.relations, needs.types});
  }

  release::Release release_;
  std::filesystem::path directory_;
};

std::string Lines(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

// Whatever the steps do to columns that are there, the claims tell other releases.
void ExpectClaimed(const plan::Plan& plan) {
  ASSERT_EQ(plan.claims.size(), plan.tables.size());
  const auto claims = [&](const pg::QualifiedName& table, const std::string& column, bool changed) {
    const auto claim = std::ranges::find(plan.claims, table, &plan::Claim::table);
    ASSERT_NE(claim, plan.claims.end());
    const bool changes = claim->whole || std::ranges::count(claim->changes, column) > 0;
    EXPECT_TRUE(changes || (!changed && std::ranges::count(claim->reads, column) > 0)) << table.Text() << "." << column;
  };
  for (const plan::Pair& pair : plan.pairs) {
    claims(pair.table, pair.old_name, true);
    if (!pair.new_name.empty()) claims(pair.table, pair.new_name, true);
    for (const std::string& column : pair.up.reads) claims(pair.table, column, false);
  }
  for (const plan::Step& step : plan.steps) {
    for (const plan::Written& written : step.footprint) {
      for (const std::string& column : written.columns) claims(written.table, column, true);
    }
    if (!step.backfill) continue;
    for (const std::string& column : step.backfill->key) claims(step.backfill->table, column, false);
  }
  EXPECT_TRUE(plan.tables.empty() || !plan::Shared(plan.claims, plan.claims).empty() || plan.claims[0].changes.empty());
}

TEST_P(RulesTest, GoesForwardBackForwardAndCompletes) {
  const Rule& rule = GetParam();
  const plan::Plan plan = Compiled();
  ASSERT_TRUE(plan.blockers.empty()) << plan.blockers.front().object << ": " << plan.blockers.front().reason;
  const auto no_return = plan.PointOfNoReturn();
  if (no_return) {
    EXPECT_EQ(plan.steps[*no_return].phase, plan::Phase::kPurge);
  }
  EXPECT_EQ(plan::ToJson(plan::PlanFromJson(plan::ToJson(plan))), plan::ToJson(plan));
  EXPECT_EQ(Compiled().digest, plan.digest);
  ExpectClaimed(plan);

  const base::Json before = catalog::Describe(Read(), plan.tables);

  pg::Connection setup = Connect();
  journal::InstallSchema(setup);
  journal::Journal journal = journal::Journal::Open(directory_);
  pg::ConnectOptions connect;
  connect.conninfo = url();
  const run::Session session{connect, plan, journal, "secret"};
  const auto phases = plan.Phases();
  const bool has_switch = std::find(phases.begin(), phases.end(), plan::Phase::kSwitch) != phases.end();
  const plan::Phase deployable = has_switch ? plan::Phase::kSwitch : plan::Phase::kMigrate;

  for (int round = 1; round <= 2; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    run::RunTo(session, plan::Phase::kExpand);
    Application(rule.old_write);
    run::RunTo(session, deployable);
    Application(rule.old_write);
    Application(rule.new_write);
    run::RunTo(session, plan::Phase::kContract);
    Application(rule.new_write);
    if (round == 2) break;
    EXPECT_TRUE(UndoTo(session, deployable).kept.empty());
    Application(rule.old_write);
    Application(rule.new_write);
    UndoTo(session, plan::Phase::kStart);
    Application(rule.old_write);
    if (rule.exact_undo) {
      std::vector<std::string> differences = catalog::Differences(before, catalog::Describe(Read(), plan.tables));
      std::erase_if(differences, [](const std::string& line) { return line.find("sbr_") != std::string::npos; });
      EXPECT_TRUE(differences.empty()) << Lines(differences);
    }
  }
  run::RunTo(session, plan::Phase::kPurge);
  Application(rule.new_write);

  // The same change, as one would write it with no live traffic, on a fresh schema of the same names.
  const base::Json reached = catalog::Describe(Read(), plan.tables);
  Application("DROP SCHEMA public CASCADE; CREATE SCHEMA public; " + rule.setup);
  Application(rule.change);
  std::vector<std::string> differences = catalog::Differences(catalog::Describe(Read(), plan.tables), reached);
  std::erase_if(differences,
                [](const std::string& line) { return line.find("order of columns") != std::string::npos; });
  EXPECT_TRUE(differences.empty()) << Lines(differences);
}

INSTANTIATE_TEST_SUITE_P(All, RulesTest, testing::ValuesIn(kRules), [](const auto& rule) { return rule.param.name; });

}  // namespace
}  // namespace recover
