// What stands in the way of a change is named, with a remedy; what no rule knows is opaque: nothing is skipped or
// guessed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/error.h"
#include "catalog/read.h"
#include "plan/plan.h"
#include "postgres_test.h"

namespace plan {
namespace {

class CompileTest : public test::PostgresTest {
 protected:
  void Setup(const std::string& sql) { Connect().Exec("SET search_path = public; " + sql); }

  Plan Compiled(const std::string& change) {
    release_.name = "20260101-blocked";
    release_.change_path = "change.sql";
    release_.change_sql = change;
    const Needs needs = NeedsOf(release_);
    pg::Connection connection = Connect();
    if (!role_.empty()) connection.Exec("SET SESSION AUTHORIZATION " + pg::Ident(role_));
    return Compile(release_,
                   catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions}));
  }

  release::Release release_;
  std::string role_;
};

struct Case {
  std::string name;
  std::string setup;
  std::string change;
  std::string object;  // part of the blocker's object
  std::string reason;  // part of its reason
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

const Case kBlocked[] = {
    {"RuleInsteadOfADelete",
     "CREATE TABLE t (id int PRIMARY KEY, gone boolean); CREATE RULE soft AS ON DELETE TO t DO INSTEAD UPDATE t SET "
     "gone "
     "= true WHERE id = old.id",
     "DELETE FROM t WHERE id = 1", "rule soft on public.t", "could not be taken back"},
    {"RuleThatSwallows",
     "CREATE TABLE t (id int PRIMARY KEY); CREATE RULE \"my rule\" AS ON DELETE TO t DO INSTEAD NOTHING",
     "DELETE FROM t WHERE id = 1", "rule \"my rule\" on public.t", "could not be taken back"},
    {"RuleBesideAnUpdate",
     "CREATE TABLE log (v int); CREATE TABLE t (id int PRIMARY KEY, v int); CREATE RULE also AS ON UPDATE TO t DO ALSO "
     "INSERT INTO log VALUES (new.v)",
     "UPDATE t SET v = 1", "rule also on public.t", "could not be taken back"},
    {"RuleOnWhatACascadeReaches",
     "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE); "
     "CREATE RULE soft AS ON DELETE TO c DO INSTEAD NOTHING",
     "DELETE FROM t WHERE id = 1", "rule soft on public.c", "could not be taken back"},
    {"RuleBesideABackfill",
     "CREATE TABLE log (v int); CREATE TABLE t (id int PRIMARY KEY, v int); CREATE RULE also AS ON UPDATE TO t DO ALSO "
     "INSERT INTO log VALUES (1)",
     "ALTER TABLE t RENAME COLUMN v TO w", "rule also on public.t", "rewrites each update"},
    {"RowsOfHeirs", "CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE h () INHERITS (t)", "UPDATE t SET v = 1",
     "public.t", "public.h inherits from it"},
    {"NoTable", "", "ALTER TABLE missing ADD COLUMN a int", "missing", "no such table"},
    {"NoColumn", "CREATE TABLE t (id int)", "ALTER TABLE t DROP COLUMN gone", "t.gone", "no such column"},
    {"NameTaken", "CREATE TABLE t (a int, b int)", "ALTER TABLE t RENAME COLUMN a TO b", "t.b",
     "has a column of this name"},
    {"NotNullWithoutValue", "CREATE TABLE t (id int)", "ALTER TABLE t ADD COLUMN a int NOT NULL", "t.a",
     "nothing says what existing rows get"},
    {"NoType", "CREATE TABLE t (id int)", "ALTER TABLE t ADD COLUMN a nowhere.kind", "t.a", "no type"},
    {"InlineReference", "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int)",
     "ALTER TABLE t ADD COLUMN p int REFERENCES p", "t.p", "REFERENCES"},
    {"PrimaryKey", "CREATE TABLE t (id int PRIMARY KEY)", "ALTER TABLE t ALTER COLUMN id TYPE bigint", "t.id",
     "primary key"},
    {"ReferencedByOthers", "CREATE TABLE t (id int PRIMARY KEY, k int UNIQUE); CREATE TABLE c (k int REFERENCES t (k))",
     "ALTER TABLE t RENAME COLUMN k TO l", "foreign key", "references"},
    {"View", "CREATE TABLE t (id int, n int); CREATE VIEW v AS SELECT n FROM t", "ALTER TABLE t RENAME COLUMN n TO m",
     "view public.v", "reads"},
    {"Policy", "CREATE TABLE t (id int, n int); CREATE POLICY mine ON t USING (n > 0)", "ALTER TABLE t DROP COLUMN n",
     "policy", "reads"},
    {"GeneratedColumn", "CREATE TABLE t (n int, twice int GENERATED ALWAYS AS (n * 2) STORED)",
     "ALTER TABLE t RENAME COLUMN n TO m", "generated column", "reads"},
    {"Inherited", "CREATE TABLE t (n int); CREATE TABLE c () INHERITS (t)", "ALTER TABLE t RENAME COLUMN n TO m", "t.n",
     "public.c inherits from this table"},
    {"Heir", "CREATE TABLE p (n int); CREATE TABLE t () INHERITS (p)", "ALTER TABLE t RENAME COLUMN n TO m", "public.t",
     "inherits from public.p"},
    {"PartitionKey", "CREATE TABLE t (n int, v int) PARTITION BY RANGE (n)", "ALTER TABLE t RENAME COLUMN n TO m",
     "t.n", "partition key"},
    {"TriggerOnColumn",
     "CREATE TABLE t (n int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE "
     "TRIGGER watch AFTER UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION f()",
     "ALTER TABLE t RENAME COLUMN n TO m", "trigger watch", "UPDATE OF"},
    {"TriggerFunction",
     "CREATE TABLE t (n int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.n := 1; RETURN NEW; "
     "END'; CREATE TRIGGER watch BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
     "ALTER TABLE t RENAME COLUMN n TO m", "function", "names the column n"},
    {"TriggerArgument",
     "CREATE TABLE t (c text, v tsvector); CREATE TRIGGER fill BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION "
     "tsvector_update_trigger(v, 'pg_catalog.english', c)",
     "ALTER TABLE t RENAME COLUMN v TO w", "trigger fill", "the word v as an argument"},
    {"ExclusionPredicate",
     "CREATE TABLE t (id int PRIMARY KEY, r int4range, n int, EXCLUDE USING gist (r WITH &&) WHERE (n > 0))",
     "ALTER TABLE t RENAME COLUMN n TO m", "t.n", "exclusion constraint t_r_excl"},
    {"RowsStoredElsewhere",
     "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE DOMAIN whole AS t; CREATE TYPE two AS (a whole, b int); "
     "CREATE "
     "TABLE log (was two[])",
     "ALTER TABLE t RENAME COLUMN n TO m", "t.n", "public.log.was has whole rows of this table"},
    {"ReplicaIdentityIndex",
     "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); CREATE UNIQUE INDEX who ON t (n); ALTER TABLE t REPLICA "
     "IDENTITY USING INDEX who",
     "ALTER TABLE t ALTER COLUMN n TYPE bigint", "t.n", "the replica identity is the index who"},
    {"SetToItsDefault",
     "CREATE TABLE q (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 9 REFERENCES q ON DELETE "
     "SET "
     "DEFAULT)",
     "ALTER TABLE t RENAME COLUMN n TO m", "t.n", "sets it to its default"},
    {"DroppedFromUniqueWhere",
     "CREATE TABLE t (id int PRIMARY KEY, n int, c int); CREATE UNIQUE INDEX one ON t (c) WHERE n IS NULL",
     "ALTER TABLE t DROP COLUMN n", "t.n", "the unique index one would bind rows of the new version"},
    {"DroppedFromUniqueByDefault", "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 5 UNIQUE)",
     "ALTER TABLE t DROP COLUMN n", "t.n", "the unique index t_n_key would bind rows of the new version"},
    {"SetConfig", "CREATE TABLE t (id int PRIMARY KEY, n int)",
     "SELECT set_config('search_path', 'other', false); UPDATE t SET n = 1", "statement 1",
     "set_config() is for its own"},
    {"SetConfigInDo", "CREATE TABLE t (id int PRIMARY KEY, n int)",
     "DO $$ BEGIN PERFORM set_config('search_path', 'other', false); END $$; UPDATE t SET n = 1", "statement 1",
     "set_config() is for its own"},
    {"KeyStoredApart", "CREATE TABLE t (n int)", "ALTER TABLE t ADD UNIQUE (n) WITH (fillfactor = 70)", "public.t",
     "how its index is stored"},
    {"CheckWithoutHeirs", "CREATE TABLE t (n int) PARTITION BY RANGE (n)", "ALTER TABLE t ADD CHECK (n > 0) NO INHERIT",
     "public.t", "that its partitions do not inherit"},
    {"ColumnGrant", "CREATE TABLE t (n int); GRANT SELECT (n) ON t TO PUBLIC", "ALTER TABLE t RENAME COLUMN n TO m",
     "t.n", "rights are granted"},
    {"OneNameTwoForms", "CREATE TABLE t (n text)", "ALTER TABLE t ALTER COLUMN n TYPE int USING n::int", "t.n",
     "no moment exists"},
    {"NoCast", "CREATE TABLE t (n point)", "ALTER TABLE t RENAME COLUMN n TO m; ALTER TABLE t ALTER COLUMN m TYPE int",
     "t.n", "no cast"},
    {"CheckNameTaken", "CREATE TABLE t (n int CONSTRAINT c CHECK (n > 0))",
     "ALTER TABLE t ADD CONSTRAINT c CHECK (n < 9)", "c on public.t", "has a constraint of this name"},
    {"CheckNameTwice", "CREATE TABLE t (n int)",
     "ALTER TABLE t ADD CONSTRAINT c CHECK (n < 9), ADD CONSTRAINT c CHECK (n > 0)", "c on public.t",
     "has a constraint of this name"},
    {"KeyNameTaken", "CREATE TABLE t (n int); CREATE TABLE k (n int)", "ALTER TABLE t ADD CONSTRAINT k UNIQUE (n)",
     "k on public.t", "gives its name to its index"},
    {"IndexNameTaken", "CREATE TABLE t (n int); CREATE TABLE o (n int); CREATE INDEX i ON o (n)",
     "CREATE INDEX i ON t (n)", "public.i", "a relation of this name"},
    {"IndexNameTwice", "CREATE TABLE t (n int, m int)", "CREATE INDEX i ON t (n); CREATE INDEX i ON t (m)", "public.i",
     "a relation of this name"},
    {"IndexWithoutName", "CREATE TABLE t (n int)", "CREATE INDEX ON t ((n + 1))", "public.t", "has no name"},
    {"TableTwice", "", "CREATE TABLE n (a int); CREATE TABLE n (b int)", "public.n", "has this name"},
    {"NoTableForIndex", "", "CREATE INDEX i ON missing (a)", "public.missing", "no such table"},
    {"NoColumnForIndex", "CREATE TABLE t (n int)", "CREATE INDEX i ON t (m)", "public.t.m", "no such column"},
    {"NoTableForCheck", "", "ALTER TABLE missing ADD CHECK (a > 0)", "public.missing", "no such table"},
    {"NoTableReferenced", "CREATE TABLE t (n int)", "ALTER TABLE t ADD FOREIGN KEY (n) REFERENCES missing",
     "public.missing", "no such table"},
    {"NoColumnReferenced", "CREATE TABLE t (n int); CREATE TABLE p (id int PRIMARY KEY)",
     "ALTER TABLE t ADD FOREIGN KEY (n) REFERENCES p (gone)", "public.p.gone", "no such column"},
    {"NoColumnToUpdate", "CREATE TABLE t (id int PRIMARY KEY)", "UPDATE t SET gone = 1", "public.t.gone",
     "no such column"},
    {"NoTableRead", "CREATE TABLE t (id int PRIMARY KEY, n int)", "UPDATE t SET n = (SELECT max(a) FROM missing)",
     "public.missing", "no such table"},
    {"NoColumnInAnExpression", "CREATE TABLE t (id int PRIMARY KEY, n int)", "UPDATE t SET n = n + gone", "statement 1",
     "column \"gone\" does not exist"},
    {"NoColumnInACondition", "CREATE TABLE t (id int PRIMARY KEY)", "DELETE FROM t WHERE gone", "statement 1",
     "column \"gone\" does not exist"},
    {"RenamedTable", "CREATE TABLE t (n int)", "ALTER TABLE t RENAME TO u", "t", "renaming a table"},
    {"ComputedWithoutAWayBack", "CREATE TABLE t (euro int)",
     "ALTER TABLE t RENAME COLUMN euro TO cent; ALTER TABLE t ALTER COLUMN cent TYPE bigint USING cent * 100", "t.euro",
     "nothing says how to come back"},
    {"UsingByTheFormerName", "CREATE TABLE t (a text)",
     "ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t ALTER COLUMN b TYPE int USING a::int", "t.a",
     "is called b where USING names it"},
    {"Setting", "CREATE TABLE t (n int)", "SET search_path = other; ALTER TABLE t ADD COLUMN m int", "statement 1",
     "for its own session only"},
    {"Vacuum", "CREATE TABLE t (n int)", "VACUUM t", "statement 1", "cannot run in a transaction"},
    {"Only", "CREATE TABLE t (n int) PARTITION BY LIST (n); CREATE TABLE u PARTITION OF t DEFAULT",
     "ALTER TABLE ONLY t ALTER COLUMN n SET DEFAULT 1", "public.t", "ALTER TABLE ONLY"},
    {"DefaultOfAPartition",
     "CREATE TABLE t (n int, v int DEFAULT 1) PARTITION BY LIST (n); CREATE TABLE u PARTITION OF t DEFAULT; ALTER "
     "TABLE "
     "u ALTER v SET DEFAULT 3",
     "ALTER TABLE t ALTER COLUMN v SET DEFAULT 9", "t.v", "a partition has a default"},
    {"Transaction", "", "BEGIN", "statement 1", "transactions are made by the steps"},
    {"Empty", "", "-- nothing", "change.sql", "no statement"},
    {"DataAndColumns", "CREATE TABLE t (id int PRIMARY KEY, n int)",
     "ALTER TABLE t ADD COLUMN m int; UPDATE t SET n = 1", "t", "changes its rows"},
    {"TriggerWritesElsewhere",
     "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
     "RETURN NEW; END'; CREATE TRIGGER audit AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
     "UPDATE t SET n = 1", "trigger audit", "could not be taken back"},
};

class BlockedTest : public CompileTest, public testing::WithParamInterface<Case> {};

TEST_P(BlockedTest, IsNamedWithARemedy) {
  const Case& c = GetParam();
  if (!c.setup.empty()) Setup(c.setup);
  const Plan plan = Compiled(c.change);
  const auto found = std::find_if(plan.blockers.begin(), plan.blockers.end(), [&](const Blocker& b) {
    return b.object.find(c.object) != std::string::npos && b.reason.find(c.reason) != std::string::npos;
  });
  std::string all;
  for (const Blocker& blocker : plan.blockers) all += fmt::format("{}: {}\n", blocker.object, blocker.reason);
  ASSERT_NE(found, plan.blockers.end()) << all;
  EXPECT_FALSE(found->remedy.empty());
  EXPECT_TRUE(plan.steps.empty());
}

INSTANTIATE_TEST_SUITE_P(All, BlockedTest, testing::ValuesIn(kBlocked),
                         [](const auto& rule) { return rule.param.name; });

TEST_F(CompileTest, ATableOfAnotherOwnerBlocksWithTheGrant) {
  Setup(
      "CREATE ROLE \"plan's owner\"; CREATE ROLE \"plan's guest\"; CREATE TABLE t (id int PRIMARY KEY, n int); "
      "ALTER TABLE t OWNER TO \"plan's owner\"; GRANT ALL ON t TO \"plan's guest\"");
  role_ = "plan's guest";
  for (const char* change :
       {"ALTER TABLE t ADD COLUMN m int", "UPDATE t SET n = 1", "CREATE INDEX i ON t (n)", "DROP TABLE t"}) {
    const Plan plan = Compiled(change);
    ASSERT_EQ(plan.blockers.size(), 1U) << change;
    EXPECT_EQ(plan.blockers[0].object, "public.t");
    EXPECT_TRUE(plan.blockers[0].remedy.starts_with("GRANT \"plan's owner\" TO \"plan's guest\"; or")) << change;
  }
  Setup("GRANT \"plan's owner\" TO \"plan's guest\"");
  EXPECT_TRUE(Compiled("ALTER TABLE t ADD COLUMN m int").blockers.empty());
  Setup("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
  const Plan hidden = Compiled("ALTER TABLE t ADD COLUMN m int");
  ASSERT_EQ(hidden.blockers.size(), 1U);
  EXPECT_TRUE(hidden.blockers[0].remedy.starts_with("ALTER ROLE \"plan's guest\" BYPASSRLS; or"));
  role_.clear();
  Setup("DROP OWNED BY \"plan's owner\", \"plan's guest\"; DROP ROLE \"plan's owner\", \"plan's guest\"");
}

TEST_F(CompileTest, AConstraintThatIsNotValidIsLeftSo) {
  Setup("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (n int)");
  const Plan plan = Compiled(
      "ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID, ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES p NOT "
      "VALID");
  ASSERT_EQ(plan.steps.size(), 2U);
  for (const Step& step : plan.steps) {
    EXPECT_EQ(step.phase, Phase::kContract);
    const std::string& sql = step.forward.at(0).sql;
    EXPECT_EQ(sql.find("NOT VALID"), sql.size() - 9) << sql;
  }
}

TEST_F(CompileTest, AnUnknownStatementIsOpaqueAndAPointOfNoReturn) {
  Setup("CREATE TABLE t (id int)");
  const Plan plan = Compiled("COMMENT ON TABLE t IS 'x'; DO $$ BEGIN END $$");
  ASSERT_EQ(plan.steps.size(), 2U);
  EXPECT_EQ(plan.steps[0].kind, StepKind::kOpaque);
  EXPECT_EQ(plan.PointOfNoReturn(), 0U);
  release_.downs = {{1, "COMMENT ON TABLE t IS NULL"}};
  EXPECT_EQ(Compiled("COMMENT ON TABLE t IS 'x'; DO $$ BEGIN END $$").PointOfNoReturn(), 1U);
}

TEST_F(CompileTest, ATableWithoutAKeyMakesItsUpdateOpaque) {
  Setup("CREATE TABLE t (n int)");
  const Plan plan = Compiled("UPDATE t SET n = n + 1");
  ASSERT_EQ(plan.steps.size(), 1U);
  EXPECT_EQ(plan.steps[0].kind, StepKind::kOpaque);
  EXPECT_NE(plan.steps[0].why.find("no primary key"), std::string::npos);
}

TEST_F(CompileTest, ACascadesTablesAreImagedWhateverTheirNames) {
  Setup(
      "CREATE TABLE p (id int PRIMARY KEY, k int UNIQUE); CREATE TABLE item (id int PRIMARY KEY, p int REFERENCES p ON "
      "DELETE CASCADE); CREATE TABLE item_x (id int PRIMARY KEY, p int REFERENCES p ON DELETE SET NULL); CREATE TABLE "
      "x "
      "(id int PRIMARY KEY, k int REFERENCES p (k) ON UPDATE CASCADE, l int REFERENCES p)");
  const auto imaged = [&](const std::string& change) {
    std::vector<std::string> tables;
    for (const Step& step : Compiled(change).steps) {
      if (!step.data) continue;
      for (const DataChange::Capture& capture : step.data->captures) tables.push_back(capture.table.name);
    }
    return tables;
  };
  using Tables = std::vector<std::string>;
  EXPECT_EQ(imaged("DELETE FROM p"), (Tables{"p", "item", "item_x"}));
  EXPECT_EQ(imaged("UPDATE p SET k = k + 1"), (Tables{"p", "x"}));
  EXPECT_EQ(imaged("INSERT INTO p VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET k = 9"), (Tables{"p", "x"}));
  EXPECT_EQ(imaged("INSERT INTO p VALUES (1, 2)"), (Tables{"p"}));
}

TEST_F(CompileTest, StatementsWhoseStepsWouldChangePlacesAreNamedWithBothPlaces) {
  Setup("CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t");
  const Plan plan = Compiled("DROP VIEW v;\n  CREATE VIEW v AS SELECT 1 AS one;");
  ASSERT_EQ(plan.blockers.size(), 1U);
  const Blocker& blocker = plan.blockers[0];
  EXPECT_EQ(blocker.object, "statement 2 (change.sql:2:3)");
  EXPECT_NE(blocker.reason.find("statement 1 (change.sql:1:1)"), std::string::npos) << blocker.reason;
  EXPECT_NE(blocker.reason.find("public.v"), std::string::npos) << blocker.reason;
  EXPECT_NE(blocker.remedy.find("two releases"), std::string::npos) << blocker.remedy;
  EXPECT_EQ(blocker.line, 2);
}

TEST_F(CompileTest, WhatReleaseYamlNamesIsUsedOrAsksWhatWasMeant) {
  Setup("CREATE TABLE customers (id int PRIMARY KEY, first_name text, n varchar(5))");
  release_.transforms["custmers"]["name"] = {"upper(first_name)", "lower(name)"};
  release_.transforms["public.customers"]["nmae"] = {"upper(first_name)", ""};
  release_.transforms["customers"]["n"] = {"n", "n"};
  release_.downs = {{3, "SELECT 1"}, {1, "SELECT 1"}};
  release_.writes[9]["customers"] = {"n"};
  release_.accepts = {"trigger nobody on public.customers"};
  release_.invariants = {{"known", "SELECT count(*) FROM customers WHERE n IS NULL", 0},
                         {"unknown", "SELECT count(*) FROM customers WHERE frist_name IS NULL", 0}};
  const Plan plan = Compiled(
      "ALTER TABLE customers RENAME COLUMN first_name TO name; ALTER TABLE customers ALTER COLUMN n TYPE varchar(9); "
      "COMMENT ON TABLE customers IS 'x'");
  std::map<std::string, std::string> remedies;
  for (const Blocker& blocker : plan.blockers) remedies[blocker.object] = blocker.remedy;
  EXPECT_EQ(remedies, (std::map<std::string, std::string>{
                          {"transforms of custmers.name", "did you mean customers?"},
                          {"transforms of public.customers.nmae", "did you mean name?"},
                          {"transforms of customers.n", "leave the transform out of release.yaml"},
                          {"opaque statement 1", "did you mean 3?"},
                          {"opaque statement 9", "did you mean 3?"},
                          {"accept: trigger nobody on public.customers", "leave it out of release.yaml"},
                          {"invariant unknown", "did you mean first_name?"}}));
}

TEST_F(CompileTest, ATypeThatComparesOtherwiseIsNoWidening) {
  Setup(
      "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; CREATE TABLE t (id int PRIMARY KEY, e text UNIQUE, c "
      "varchar(5) "
      "COLLATE \"C\", d varchar(5))");
  const auto in_place = [&](const std::string& change) {
    const Plan plan = Compiled(change);
    return plan.blockers.empty() && plan.steps.size() == 1;
  };
  EXPECT_FALSE(in_place("ALTER TABLE t ALTER COLUMN e TYPE citext"));
  EXPECT_FALSE(in_place("ALTER TABLE t ALTER COLUMN c TYPE varchar(9)")) << "it would lose its collation";
  EXPECT_FALSE(in_place("ALTER TABLE t ALTER COLUMN id TYPE oid"));
  EXPECT_TRUE(in_place("ALTER TABLE t ALTER COLUMN d TYPE varchar(9)"));
  EXPECT_TRUE(in_place("ALTER TABLE t ALTER COLUMN d TYPE text"));
}

// Told by the files of table and indexes before and after, and by what the server says that it verifies.
TEST_F(CompileTest, WhatATypeInPlaceBuildsAnewIsKnownForEachIndex) {
  Setup(
      "CREATE TABLE t (id int PRIMARY KEY, b varchar(5), CONSTRAINT short CHECK (length(b) < 9)); CREATE INDEX plain "
      "ON t "
      "(b); CREATE INDEX opclass ON t (b varchar_pattern_ops, id); CREATE INDEX part ON t (id) WHERE b <> ''; CREATE "
      "INDEX "
      "expr ON t (lower(b)); CREATE INDEX hashed ON t USING hash (b); CREATE UNIQUE INDEX other ON t (id); INSERT INTO "
      "t "
      "SELECT g, 'b' || g FROM generate_series(1, 100) g");
  for (const char* type : {"varchar(9)", "text"}) {
    const std::string change = fmt::format("ALTER TABLE t ALTER COLUMN b TYPE {}", type);
    const Plan plan = Compiled(change);
    ASSERT_EQ(plan.steps.size(), 1U);
    EXPECT_EQ(plan.steps[0].locks.at(0).work, LockWork::kScan);
    const std::string why = plan.steps[0].why;
    auto connection = Connect();
    const std::string files =
        "SELECT c.relname, pg_relation_filenode(c.oid) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE "
        "i.indrelid = 'public.t'::regclass ORDER BY 1";
    const auto before = connection.Exec(files);
    connection.Exec("SET search_path = public; BEGIN; " + change);
    const auto after = connection.Exec(files);
    for (int i = 0; i < before.rows(); ++i) {
      EXPECT_EQ(before.Text(i, 1) != after.Text(i, 1), why.find("index " + before.Text(i, 0)) != std::string::npos)
          << type << ": " << before.Text(i, 0) << ": " << why;
    }
    EXPECT_NE(why.find("constraint short"), std::string::npos) << why;
    connection.Exec("ROLLBACK");
  }
}

TEST_F(CompileTest, ATriggerThatACascadeFiresBlocks) {
  Setup(
      "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE CASCADE); "
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER audit AFTER "
      "DELETE ON c FOR EACH ROW EXECUTE FUNCTION f()");
  const Plan plan = Compiled("DELETE FROM p");
  ASSERT_EQ(plan.blockers.size(), 1U);
  EXPECT_EQ(plan.blockers[0].object, "trigger audit on public.c");
}

TEST_F(CompileTest, WhatIsOpaqueOfAStatementRunsOnceAndAlone) {
  Setup("CREATE TABLE t (n int, CONSTRAINT u UNIQUE (n))");
  release_.downs = {{1, "SELECT 1"}};
  const Plan plan = Compiled("ALTER TABLE t ADD COLUMN z int, DROP CONSTRAINT u, DISABLE TRIGGER ALL");
  ASSERT_EQ(plan.steps.size(), 2U);
  EXPECT_EQ(plan.steps[1].forward.size(), 1U);
  EXPECT_EQ(plan.steps[1].forward[0].sql, "ALTER TABLE \"t\" DROP CONSTRAINT u, DISABLE TRIGGER ALL");
}

TEST_F(CompileTest, AnOpaqueStatementWritesWhatItSaysAndWhatTheAuthorSays) {
  Setup("CREATE TABLE t (n int, twice int GENERATED ALWAYS AS (n * 2) STORED); CREATE TABLE audit (id int, what text)");
  EXPECT_EQ(Compiled("UPDATE t SET n = n + 1").steps.at(0).footprint.at(0).columns, std::vector<std::string>{"n"});
  const Plan inserts = Compiled("INSERT INTO audit SELECT n, 'x' FROM t");
  EXPECT_EQ(inserts.steps.at(0).footprint.at(0).columns, (std::vector<std::string>{"id", "what"}));
  const std::string block = "DO $$ BEGIN UPDATE t SET n = 0; END $$";
  const Plan silent = Compiled(block);
  EXPECT_TRUE(silent.steps.at(0).footprint.empty());
  release_.writes = {{1, {{"t", {"*"}}, {"public.audit", {"what"}}}}};
  const Plan declared = Compiled(block);
  ASSERT_EQ(declared.steps.at(0).footprint.size(), 2U);
  EXPECT_EQ(declared.steps[0].footprint[0].table.Text(), "public.audit");
  EXPECT_EQ(declared.steps[0].footprint[1].columns, std::vector<std::string>{"n"}) << "no generated one";
  EXPECT_NE(declared.digest, silent.digest);
  for (const auto& [table, column] : {std::pair{"gone", "n"}, {"t", "gone"}}) {
    release_.writes.clear();
    release_.writes[1][table] = {column};
    const Plan wrong = Compiled(block);
    ASSERT_EQ(wrong.blockers.size(), 1U);
    EXPECT_NE(wrong.blockers[0].object.find("gone"), std::string::npos);
  }
}

TEST_F(CompileTest, ASyntaxErrorHasItsPlace) {
  try {
    Compiled("-- \u00e9\u00fc\nALTER TABLE t RENAME \u00e9 SELECT b");
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kSqlSyntax);
    EXPECT_NE(error.Text().find("change.sql:2:24"), std::string::npos) << error.Text();
  }
}

TEST_F(CompileTest, UsersTriggersAreSkippedByTheBackfillOrAskedAbout) {
  Setup(
      "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
      "RETURN "
      "NEW; END'; CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); CREATE TRIGGER other "
      "BEFORE "
      "UPDATE OF id ON t FOR EACH ROW EXECUTE FUNCTION f(); CREATE TRIGGER born BEFORE INSERT ON t FOR EACH ROW "
      "EXECUTE "
      "FUNCTION f()");
  const std::string change = "ALTER TABLE t RENAME COLUMN n TO m";
  const auto notices = [](const Plan& plan, const std::string& trigger) {
    std::string texts;
    for (const Notice& notice : plan.notices) {
      if (notice.text.starts_with("trigger " + trigger + " on public.t")) texts += notice.text;
    }
    return texts;
  };
  const Plan skipped = Compiled(change);
  EXPECT_TRUE(skipped.blockers.empty());
  EXPECT_NE(notices(skipped, "touch").find("does not fire"), std::string::npos);
  EXPECT_EQ(notices(skipped, "other") + notices(skipped, "born"), "");

  Setup("ALTER TABLE t ENABLE ALWAYS TRIGGER touch");
  const Plan asks = Compiled(change);
  ASSERT_EQ(asks.blockers.size(), 1U);
  EXPECT_EQ(asks.blockers[0].object, "trigger touch on public.t");
  EXPECT_NE(asks.blockers[0].reason.find("ENABLE ALWAYS"), std::string::npos);

  release_.accepts = {asks.blockers[0].object};
  const Plan accepted = Compiled(change);
  EXPECT_TRUE(accepted.blockers.empty());
  EXPECT_NE(notices(accepted, "touch").find("as release.yaml accepts"), std::string::npos);
  const auto fills =
      std::find_if(accepted.steps.begin(), accepted.steps.end(), [](const Step& s) { return s.backfill; });
  ASSERT_NE(fills, accepted.steps.end());
  EXPECT_EQ(fills->backfill->triggers, release_.accepts);
  EXPECT_EQ(StepFromJson(ToJson(*fills)).backfill->triggers, release_.accepts);
}

TEST_F(CompileTest, ARoleThatMayNotSkipTriggersIsAskedAboutEachOfThem) {
  Setup(
      "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
      "RETURN "
      "NEW; END'; CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()");
  release_.name = "20260101-blocked";
  release_.change_path = "change.sql";
  release_.change_sql = "ALTER TABLE t RENAME COLUMN n TO m";
  pg::Connection connection = Connect();
  connection.Exec("ALTER TABLE public.t OWNER TO pg_read_all_data; SET ROLE pg_read_all_data");
  const Needs needs = NeedsOf(release_);
  const catalog::Catalog seen =
      catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions});
  EXPECT_FALSE(seen.may_skip_triggers);
  const Plan plan = Compile(release_, seen);
  ASSERT_EQ(plan.blockers.size(), 1U);
  EXPECT_EQ(plan.blockers[0].object, "trigger touch on public.t");
  EXPECT_NE(plan.blockers[0].remedy.find("GRANT SET ON PARAMETER"), std::string::npos);
}

TEST_F(CompileTest, ADatabaseWithoutAnEncodingIsAskedAbout) {
  Setup("CREATE TABLE t (id int PRIMARY KEY, n int)");
  release_.change_sql = "ALTER TABLE t RENAME COLUMN n TO m";
  const Needs needs = NeedsOf(release_);
  pg::Connection connection = Connect();
  catalog::Catalog seen = catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions});
  EXPECT_EQ(seen.encoding, "UTF8");
  seen.encoding = "SQL_ASCII";
  const Plan plan = Compile(release_, seen);
  ASSERT_EQ(plan.blockers.size(), 1U);
  EXPECT_NE(plan.blockers[0].remedy.find("accept: [SQL_ASCII]"), std::string::npos);
  release_.accepts = {"SQL_ASCII"};
  EXPECT_TRUE(Compile(release_, seen).blockers.empty());
}

TEST_F(CompileTest, UnrelatedObjectsDoNotChangeTheDigest) {
  Setup("CREATE TABLE t (id int PRIMARY KEY, n int)");
  const std::string change = "ALTER TABLE t RENAME COLUMN n TO m";
  const std::string digest = Compiled(change).digest;
  Setup("CREATE TABLE unrelated (n int); INSERT INTO t VALUES (1, 1); ANALYZE t; ALTER TABLE t ADD COLUMN more int");
  EXPECT_EQ(Compiled(change).digest, digest);
  Setup("ALTER TABLE t ALTER COLUMN n SET NOT NULL");
  EXPECT_NE(Compiled(change).digest, digest);
}

}  // namespace
}  // namespace plan
