#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "sql/parse.h"

namespace sql {

// Seen in the messages of failed tests.
void PrintTo(const Name& name, std::ostream* out) { *out << name.schema << "." << name.name; }

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Action> Read(std::string_view text) {
  auto parsed = Parse(text);
  if (const auto* error = std::get_if<SyntaxError>(&parsed)) {
    ADD_FAILURE() << error->message << "\n" << error->caret;
    return {};
  }
  return std::get<std::vector<Action>>(std::move(parsed));
}

Action One(std::string_view text) {
  auto actions = Read(text);
  EXPECT_EQ(actions.size(), 1U) << text;
  return actions.empty() ? Action() : actions.front();
}

struct Case {
  std::string text;
  Kind kind;
  std::string object_kind = {};
  std::string object = {};
};

TEST(Parse, TellsWhatEachStatementIs) {
  const std::vector<Case> cases = {
      {"ALTER TABLE t ADD c int", Kind::kAddColumn},
      {"ALTER TABLE t ADD COLUMN IF NOT EXISTS c int", Kind::kAddColumn},
      {"ALTER TABLE t DROP c", Kind::kDropColumn},
      {"ALTER TABLE t RENAME c TO d", Kind::kRenameColumn},
      {"ALTER TABLE t ALTER c TYPE bigint", Kind::kAlterType},
      {"ALTER TABLE t ALTER c SET NOT NULL", Kind::kSetNotNull},
      {"ALTER TABLE t ALTER c DROP NOT NULL", Kind::kDropNotNull},
      {"ALTER TABLE t ALTER c SET DEFAULT 1", Kind::kSetDefault},
      {"ALTER TABLE t ALTER c DROP DEFAULT", Kind::kDropDefault},
      {"ALTER TABLE t ADD CHECK (c > 0)", Kind::kAddCheck},
      {"ALTER TABLE t ADD FOREIGN KEY (c) REFERENCES u", Kind::kAddForeignKey},
      {"ALTER TABLE t ADD UNIQUE (c)", Kind::kAddUnique},
      {"ALTER TABLE t ADD PRIMARY KEY (c)", Kind::kAddPrimaryKey},
      {"ALTER TABLE t DROP CONSTRAINT k", Kind::kDropConstraint},
      {"CREATE INDEX ON t (c)", Kind::kCreateIndex},
      {"DROP INDEX i", Kind::kDropIndex},
      {"CREATE TABLE t (c int)", Kind::kCreateTable},
      {"CREATE UNLOGGED TABLE t AS SELECT 1", Kind::kCreateTable},
      {"SELECT 1 AS c INTO t", Kind::kCreateTable},
      {"DROP TABLE t", Kind::kDropTable},
      {"ALTER TABLE t RENAME TO u", Kind::kRenameTable},
      {"UPDATE t SET c = 1", Kind::kUpdate},
      {"DELETE FROM t", Kind::kDelete},
      {"INSERT INTO t VALUES (1)", Kind::kInsertSelect},
      {"CREATE VIEW s.v AS SELECT 1", Kind::kCreateObject, "VIEW", "s.v"},
      {"CREATE OR REPLACE TEMP VIEW v AS SELECT 1", Kind::kCreateObject, "VIEW", "v"},
      {"CREATE MATERIALIZED VIEW IF NOT EXISTS v AS SELECT 1", Kind::kCreateObject, "MATERIALIZED VIEW", "v"},
      {"CREATE FUNCTION \"F x\"() RETURNS int LANGUAGE sql AS 'select 1'", Kind::kCreateObject, "FUNCTION", "\"F x\""},
      {"CREATE PROCEDURE p() LANGUAGE sql AS ''", Kind::kCreateObject, "PROCEDURE", "p"},
      {"CREATE TYPE mood AS ENUM ('a')", Kind::kCreateObject, "TYPE", "mood"},
      {"CREATE TYPE pair AS (a int)", Kind::kCreateObject, "TYPE", "pair"},
      {"CREATE DOMAIN d AS int", Kind::kCreateObject, "DOMAIN", "d"},
      {"CREATE SEQUENCE IF NOT EXISTS data", Kind::kCreateObject, "SEQUENCE", "data"},
      {"CREATE SCHEMA s", Kind::kCreateObject, "SCHEMA", "s"},
      {"CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\"", Kind::kCreateObject, "EXTENSION", "\"uuid-ossp\""},
      {"CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", Kind::kCreateObject,
       "TRIGGER", "g"},
      {"CREATE POLICY p ON t USING (true)", Kind::kCreateObject, "POLICY", "p"},
      {"CREATE RULE r AS ON INSERT TO t DO NOTHING", Kind::kCreateObject, "RULE", "r"},
      {"CREATE STATISTICS st ON a, b FROM t", Kind::kCreateObject, "STATISTICS", "st"},
      {"CREATE PUBLICATION p FOR TABLE t", Kind::kCreateObject, "PUBLICATION", "p"},
      {"CREATE FOREIGN TABLE ft (a int) SERVER s", Kind::kCreateObject, "FOREIGN TABLE", "ft"},
      {"CREATE OPERATOR CLASS oc FOR TYPE int USING btree AS OPERATOR 1 <", Kind::kCreateObject, "OPERATOR CLASS",
       "oc"},
      {"CREATE CAST (int AS text) WITH INOUT", Kind::kCreateObject, "CAST", ""},
      {"CREATE TEMP TABLE t (c int)", Kind::kOther, "CREATE TEMPORARY TABLE"},
      {"CREATE TABLE p1 PARTITION OF t DEFAULT", Kind::kOther, "CREATE TABLE ... PARTITION OF"},
      {"CREATE TABLE k () INHERITS (t)", Kind::kOther, "CREATE TABLE ... INHERITS"},
      {"CREATE SCHEMA s CREATE TABLE t (c int)", Kind::kOther, "CREATE SCHEMA with objects", "s"},
      {"ALTER TABLE t CLUSTER ON i", Kind::kOther, "ALTER TABLE ... CLUSTER ON"},
      {"ALTER TABLE t ALTER c SET STATISTICS 10", Kind::kOther, "ALTER TABLE ... SET STATISTICS"},
      {"ALTER TABLE t OWNER TO me", Kind::kOther, "ALTER TABLE ... OWNER TO"},
      {"ALTER TABLE t ENABLE ROW LEVEL SECURITY", Kind::kOther, "ALTER TABLE ... ENABLE ROW LEVEL SECURITY"},
      {"ALTER TABLE t VALIDATE CONSTRAINT k", Kind::kOther, "ALTER TABLE ... VALIDATE CONSTRAINT"},
      {"ALTER TABLE t ATTACH PARTITION p FOR VALUES FROM (1, 2) TO (3, 4)", Kind::kOther,
       "ALTER TABLE ... ATTACH PARTITION"},
      {"ALTER TABLE t ADD EXCLUDE USING gist (c WITH =)", Kind::kOther, "ALTER TABLE ... ADD EXCLUDE constraint"},
      {"ALTER TABLE t ALTER c TYPE text COLLATE \"C\"", Kind::kOther, "ALTER TABLE ... ALTER COLUMN TYPE ... COLLATE"},
      {"ALTER TABLE t REPLICA IDENTITY USING INDEX i", Kind::kSetReplica, ""},
      {"ALTER TABLE t RENAME CONSTRAINT a TO b", Kind::kOther, "ALTER TABLE ... RENAME CONSTRAINT"},
      {"ALTER TABLE t SET SCHEMA s", Kind::kOther, "ALTER TABLE ... SET SCHEMA", "t"},
      {"ALTER INDEX i RENAME TO j", Kind::kOther, "ALTER INDEX", "i"},
      {"ALTER VIEW v ALTER c SET DEFAULT 1", Kind::kOther, "ALTER VIEW", "v"},
      {"ALTER VIEW IF EXISTS v RENAME COLUMN a TO b", Kind::kOther, "ALTER VIEW", "v"},
      {"ALTER TYPE mood ADD VALUE 'b'", Kind::kOther, "ALTER TYPE ... ADD VALUE", "mood"},
      {"ALTER TYPE mood RENAME VALUE 'b' TO 'c'", Kind::kOther, "ALTER TYPE ... RENAME VALUE", "mood"},
      {"ALTER SEQUENCE q RESTART", Kind::kOther, "ALTER SEQUENCE", "q"},
      {"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", Kind::kOther, "ALTER DEFAULT PRIVILEGES", "GRANT"},
      {"DROP VIEW IF EXISTS v, s.w CASCADE", Kind::kOther, "DROP VIEW", "v, s.w"},
      {"DROP FUNCTION f(int), g", Kind::kOther, "DROP FUNCTION", "f(int), g"},
      {"DROP TRIGGER g ON t", Kind::kOther, "DROP TRIGGER", "g"},
      {"BEGIN", Kind::kOther, "transaction control"},
      {"COMMIT", Kind::kOther, "transaction control"},
      {"DO $$ BEGIN END $$", Kind::kOther, "DO block"},
      {"GRANT SELECT ON t TO PUBLIC", Kind::kOther, "GRANT"},
      {"COMMENT ON TABLE t IS 'x'", Kind::kOther, "COMMENT"},
      {"TRUNCATE t", Kind::kOther, "TRUNCATE"},
      {"VACUUM t", Kind::kOther, "VACUUM"},
      {"SELECT 1", Kind::kOther, "SELECT"},
      {"MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", Kind::kOther, "MERGE"},
      {"SET search_path = x", Kind::kOther, "SET"},
      {"LOCK t", Kind::kOther, "LOCK"},
  };
  for (const auto& c : cases) {
    const auto action = One(c.text);
    EXPECT_EQ(static_cast<int>(action.kind), static_cast<int>(c.kind)) << c.text;
    EXPECT_EQ(action.object_kind, c.object_kind) << c.text;
    if (!c.object.empty()) {
      EXPECT_EQ(action.object, c.object) << c.text;
    }
    EXPECT_EQ(action.text, c.text);
  }
}

TEST(Parse, ReadsTheStatementsOfATextInOrder) {
  const auto actions = Read(
      "-- what for; é\n\n  /* x; */ DROP TABLE a , \"B\".\"c;d\" CASCADE ; -- done\n\tDROP INDEX CONCURRENTLY IF "
      "EXISTS i;;\n");
  ASSERT_EQ(actions.size(), 3U);
  EXPECT_EQ(actions[0].relation, (Name{"", "a"}));
  EXPECT_EQ(actions[1].relation, (Name{"B", "c;d"}));
  EXPECT_TRUE(actions[1].cascade);
  EXPECT_EQ(actions[1].text, "DROP TABLE a , \"B\".\"c;d\" CASCADE");
  EXPECT_EQ(actions[1].statement, 1);
  EXPECT_EQ(actions[1].at.line, 3);
  EXPECT_EQ(actions[1].at.column, 12);
  EXPECT_EQ(actions[2].index, (Name{"", "i"}));
  EXPECT_TRUE(actions[2].concurrently);
  EXPECT_TRUE(actions[2].if_exists);
  EXPECT_EQ(actions[2].statement, 2);
  EXPECT_EQ(actions[2].at.line, 4);
  EXPECT_EQ(actions[2].at.column, 2);
  EXPECT_THAT(Read(""), IsEmpty());
  EXPECT_THAT(Read("-- nothing\n;"), IsEmpty());
}

TEST(Parse, CutsTheSubcommandsOfAnAlterTableFromTheSource) {
  const auto actions = Read(
      "ALTER TABLE IF EXISTS ONLY \"Ünï\".\"t,\"\"(\" /* a, b */\n"
      "  ADD \"COMPRESSION\" varchar(20) COLLATE \"C\" CONSTRAINT nn NOT NULL DEFAULT concat('a', $$,$$) CHECK "
      "(\"COMPRESSION\" <> ''),\n"
      "  ALTER Größe SET DATA TYPE numeric(10 , 2)[] USING (ARRAY[größe, 1]) -- to the cent\n  ,\n"
      "  ALTER d TYPE timestamp(3) with time zone,\n"
      "  ALTER \"DEFAULT\" SET DEFAULT ( - 1)::bigint,\n"
      "  ALTER e SET DEFAULT now(),\n"
      "  DROP COLUMN IF EXISTS f CASCADE,\n"
      "  DROP CONSTRAINT \"k k\" RESTRICT,\n"
      "  REPLICA IDENTITY FULL;");
  ASSERT_EQ(actions.size(), 8U);
  for (const auto& action : actions) {
    EXPECT_EQ(action.relation, (Name{"Ünï", "t,\"("}));
    EXPECT_TRUE(action.only);
    EXPECT_EQ(action.statement, 1);
  }
  const auto& column = actions[0].column_def.value();
  EXPECT_EQ(column.name, "COMPRESSION");
  EXPECT_EQ(column.type, "varchar(20)");
  EXPECT_TRUE(column.not_null);
  EXPECT_EQ(column.default_text, "concat('a', $$,$$)");
  EXPECT_FALSE(column.default_is_constant);
  EXPECT_THAT(column.extras, ElementsAre("CHECK", "COLLATE"));
  // The server folds ASCII letters only.
  EXPECT_EQ(actions[1].column, "größe");
  EXPECT_EQ(actions[1].type, "numeric(10 , 2)[]");
  EXPECT_EQ(actions[1].expression, "(ARRAY[größe, 1])");
  EXPECT_EQ(actions[2].type, "timestamp(3) with time zone");
  EXPECT_EQ(actions[2].expression, "");
  EXPECT_EQ(actions[3].column, "DEFAULT");
  EXPECT_EQ(actions[3].expression, "( - 1)::bigint");
  EXPECT_TRUE(actions[3].constant_default);
  EXPECT_EQ(actions[4].expression, "now()");
  EXPECT_FALSE(actions[4].constant_default);
  EXPECT_EQ(actions[5].column, "f");
  EXPECT_TRUE(actions[5].cascade);
  EXPECT_EQ(actions[6].constraint, "k k");
  EXPECT_FALSE(actions[6].cascade);
  EXPECT_EQ(actions[7].kind, Kind::kSetReplica);
  EXPECT_EQ(actions[7].definition, "FULL");
}

TEST(Parse, ReadsTheClausesOfANewColumn) {
  struct ColumnCase {
    std::string text;
    std::string type;
    std::optional<std::string> default_text;
    bool constant;
    bool not_null;
    std::vector<std::string> extras;
  };
  const std::vector<ColumnCase> cases = {
      {"a interval day to second(3)", "interval day to second(3)", {}, false, false, {}},
      {"a s.\"My Type\" NULL", "s.\"My Type\"", {}, false, false, {}},
      {"a int DEFAULT 1 NOT NULL", "int", "1", true, true, {}},
      {"a int NOT NULL DEFAULT null::int", "int", "null::int", true, true, {}},
      {"a text DEFAULT 'it''s' || 'b'", "text", "'it''s' || 'b'", false, false, {}},
      {"a jsonb DEFAULT '{}'::jsonb", "jsonb", "'{}'::jsonb", true, false, {}},
      {"a text[] DEFAULT array[]::text[]", "text[]", "array[]::text[]", true, false, {}},
      {"a boolean DEFAULT true", "boolean", "true", true, false, {}},
      {"a int REFERENCES u (x) DEFERRABLE UNIQUE", "int", {}, false, false, {"REFERENCES", "DEFERRABLE", "UNIQUE"}},
      {"a int PRIMARY KEY", "int", {}, false, false, {"PRIMARY KEY"}},
      {"a int GENERATED ALWAYS AS IDENTITY", "int", {}, false, false, {"IDENTITY"}},
      {"a int GENERATED ALWAYS AS (b + 1) STORED", "int", {}, false, false, {"GENERATED"}},
      {"a text COMPRESSION pglz DEFAULT 'x'", "text", "'x'", true, false, {"COMPRESSION"}},
      {"a bigserial", "bigserial", {}, false, false, {"SERIAL"}},
  };
  for (const auto& c : cases) {
    const auto column = One("ALTER TABLE t ADD " + c.text).column_def.value_or(ColumnDef());
    EXPECT_EQ(column.name, "a") << c.text;
    EXPECT_EQ(column.type, c.type) << c.text;
    EXPECT_EQ(column.default_text, c.default_text) << c.text;
    EXPECT_EQ(column.default_is_constant, c.constant) << c.text;
    EXPECT_EQ(column.not_null, c.not_null) << c.text;
    EXPECT_EQ(column.extras, c.extras) << c.text;
  }
}

TEST(Parse, ReadsConstraints) {
  const auto actions = Read(
      "ALTER TABLE t ADD CONSTRAINT \"CHECK\" CHECK ((a > 0) AND b IN (1, 2)) NOT VALID, "
      "ADD CONSTRAINT U&\"d\\0061t\" FOREIGN KEY (a, b) REFERENCES s.r (x, y) ON DELETE CASCADE, "
      "ADD UNIQUE (a) INCLUDE (z), ADD CONSTRAINT pk PRIMARY KEY USING INDEX \"I\"");
  ASSERT_EQ(actions.size(), 4U);
  EXPECT_EQ(actions[0].constraint, "CHECK");
  EXPECT_EQ(actions[0].expression, "(a > 0) AND b IN (1, 2)");
  EXPECT_EQ(actions[0].definition, "CHECK ((a > 0) AND b IN (1, 2))");
  EXPECT_TRUE(actions[0].not_valid);
  EXPECT_THAT(actions[0].columns, ElementsAre("a", "b"));
  EXPECT_EQ(actions[1].constraint, "dat");
  EXPECT_THAT(actions[1].columns, ElementsAre("a", "b"));
  EXPECT_EQ(actions[1].referenced, (Name{"s", "r"}));
  EXPECT_THAT(actions[1].referenced_columns, ElementsAre("x", "y"));
  EXPECT_EQ(actions[1].definition, "FOREIGN KEY (a, b) REFERENCES s.r (x, y) ON DELETE CASCADE");
  EXPECT_EQ(actions[2].constraint, "");
  EXPECT_THAT(actions[2].columns, ElementsAre("a"));
  EXPECT_EQ(actions[2].definition, "UNIQUE (a) INCLUDE (z)");
  EXPECT_EQ(actions[3].kind, Kind::kAddPrimaryKey);
  EXPECT_EQ(actions[3].using_index, "I");
}

TEST(Parse, ReadsIndexes) {
  const auto action = One(
      "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"On\" ON ONLY s.\"using\" USING btree (a, lower(b || c) DESC) "
      "INCLUDE (d) WHERE a > 0 AND e");
  EXPECT_EQ(action.relation, (Name{"s", "using"}));
  EXPECT_EQ(action.index, (Name{"s", "On"}));
  EXPECT_TRUE(action.unique && action.concurrently && action.if_exists && action.only);
  EXPECT_THAT(action.columns, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(action.definition, "USING btree (a, lower(b || c) DESC) INCLUDE (d) WHERE a > 0 AND e");
  EXPECT_EQ(One("CREATE INDEX ON t (a)").definition, "(a)");
  EXPECT_EQ(One("CREATE INDEX ON t (a)").index, Name());
}

TEST(Parse, FindsWhatADataChangeReadsAndWrites) {
  struct DataCase {
    std::string text;
    std::vector<Name> reads;
    std::vector<Name> writes;
    std::vector<std::string> columns;
  };
  const Name t{"", "t"};
  const Name u{"", "u"};
  const Name w{"", "w"};
  const std::vector<DataCase> cases = {
      {"UPDATE t SET a = 1, (b, c) = (SELECT x, y FROM u), d[1] = 2 WHERE t.a > 0", {u}, {}, {"a", "b", "c", "d"}},
      {"UPDATE t SET a = t2.a FROM t t2", {t}, {}, {"a"}},
      {"UPDATE t SET a = 1 FROM s.u JOIN w USING (x)", {{"s", "u"}, w}, {}, {"a"}},
      {"UPDATE t SET a = 1 WHERE EXISTS (SELECT FROM u WHERE x IN (SELECT y FROM t))", {u, t}, {}, {"a"}},
      {"WITH u AS (SELECT * FROM w) UPDATE t SET a = 1 FROM u", {w}, {}, {"a"}},
      {"WITH u AS (SELECT * FROM u) UPDATE t SET a = 1 FROM u", {u}, {}, {"a"}},
      {"WITH RECURSIVE u AS (SELECT 1 UNION SELECT * FROM u) UPDATE t SET a = 1 FROM u, public.u p",
       {{"public", "u"}},
       {},
       {"a"}},
      {"WITH t AS (SELECT 1) DELETE FROM t USING w WHERE true", {w}, {}, {}},
      {"WITH g AS (DELETE FROM u USING w RETURNING *), h AS (INSERT INTO t SELECT * FROM g) DELETE FROM t",
       {w},
       {u, t},
       {}},
      {"DELETE FROM t WHERE a = (WITH u AS (TABLE w) SELECT max(x) FROM u) OR b IN (TABLE u)", {w, u}, {}, {}},
      {"DELETE FROM t", {}, {}, {}},
      {"INSERT INTO t (a, \"B\") SELECT x, y FROM u AS w FOR UPDATE OF w", {u}, {}, {"a", "B"}},
      {"INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = (SELECT 1 FROM w)", {w}, {}, {}},
      {"TRUNCATE t, u", {}, {t, u}, {}},
      {"SELECT * FROM t UNION TABLE u", {t, u}, {}, {}},
      {"CREATE TABLE x (LIKE t, a int REFERENCES u)", {t, u}, {}, {}},
      {"CREATE TABLE x AS TABLE t", {t}, {}, {}},
  };
  for (const auto& c : cases) {
    const auto action = One(c.text);
    EXPECT_EQ(action.reads, c.reads) << c.text;
    EXPECT_EQ(action.writes, c.writes) << c.text;
    EXPECT_EQ(action.columns, c.columns) << c.text;
  }
}

TEST(Parse, PointsAtASyntaxErrorAlsoAfterNonAsciiText) {
  const std::string text = "SELECT 'é';\n\tUPDATE \"Ünï\" WHERE a = 1;\r\nSELECT 1";
  const auto parsed = Parse(text);
  const auto* error = std::get_if<SyntaxError>(&parsed);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->message, "syntax error at or near \"WHERE\"");
  EXPECT_EQ(error->at.line, 2);
  EXPECT_EQ(error->at.column, 15);
  EXPECT_EQ(text.substr(error->at.offset, 5), "WHERE");
  EXPECT_EQ(error->caret, "\tUPDATE \"Ünï\" WHERE a = 1;\n\t             ^");
}

TEST(Parse, RefusesTextThatTheParserWouldMisread) {
  struct Broken {
    std::string text;
    int line;
    int column;
  };
  const std::vector<Broken> cases = {
      {std::string("SELECT 1;\nDROP\0 TABLE t", 22), 2, 5},
      {"SELECT '\xff'", 1, 9},
      {"SELECT '\xc3", 1, 9},
      {"SELECT 'open", 1, 8},
      {"SELECT (1", 1, 10},
  };
  for (const auto& c : cases) {
    const auto parsed = Parse(c.text);
    const auto* error = std::get_if<SyntaxError>(&parsed);
    ASSERT_NE(error, nullptr) << c.text;
    EXPECT_EQ(error->at.line, c.line) << c.text;
    EXPECT_EQ(error->at.column, c.column) << c.text;
  }
}

TEST(Locate, CountsBytesOrCharacters) {
  const std::string text = "é\nßx";
  EXPECT_EQ(LocateByte(text, 5).line, 2);
  EXPECT_EQ(LocateByte(text, 5).column, 2);
  EXPECT_EQ(LocateCharacter(text, 4).offset, 5U);
  EXPECT_EQ(LocateCharacter(text, 4).column, 2);
  EXPECT_EQ(LocateCharacter(text, 99).offset, text.size());
}

TEST(ExpressionColumns, ReadsTheRow) {
  EXPECT_THAT(ExpressionColumns("btrim(name) || t.\"Größe\" || NAME"), ElementsAre("name", "Größe"));
  EXPECT_THAT(ExpressionColumns("case when a is null then -1 else (b).c end"), ElementsAre("a", "b"));
  EXPECT_THAT(ExpressionColumns("'x' -- only text\n"), IsEmpty());
}

TEST(ExpressionDependsOn, TellsTheRowFromTheSessionAndTheMoment) {
  for (const char* text : {"a", "-a + 1.5", "btrim(name) || 'x'", "CASE WHEN a IS NULL THEN b ELSE c END", "a::text",
                           "CAST(a AS numeric(9, 2))", "coalesce(a, 'none')", "pg_catalog.lower(a)",
                           "a BETWEEN 1 AND 2", "a LIKE 'x%'", "nullif(a, 'NULL')"}) {
    EXPECT_EQ(ExpressionDependsOn(text), DependsOn::kRow) << text;
  }
  for (const char* text : {"a::date", "to_char(a, 'YYYY')", "'2026-02-03'::timestamptz", "a = NULL", "ARRAY[a]",
                           "'a\\b'", "E'a\\\\b'", "public.lower(a)", "own(a)", "a @@ b", "xmlparse(content a)",
                           "a::int[]", "a AT TIME ZONE 'Asia/Tokyo'", "(a).b"}) {
    EXPECT_EQ(ExpressionDependsOn(text), DependsOn::kSession) << text;
  }
  for (const char* text : {"now()", "CURRENT_DATE", "a + random()", "current_user", "coalesce(a, nextval('s'))"}) {
    EXPECT_EQ(ExpressionDependsOn(text), DependsOn::kMoment) << text;
  }
}

TEST(ExpressionColumns, RefusesWhatIsMoreThanAnExpressionOverTheRow) {
  for (const char* text : {"", "a b", "a,", "a, DROP b", "a; DROP TABLE t", "a) FROM t WHERE (b", "(SELECT 1)",
                           "a IN (SELECT 1)", "count(*)", "sum(a)", "pg_catalog.max(a)", "f(a) FILTER (WHERE b)",
                           "row_number() OVER ()", "t.*", "DEFAULT", "$1", "a, ALTER d SET DEFAULT b"}) {
    try {
      const auto columns = ExpressionColumns(text);
      ADD_FAILURE() << text << " was accepted";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kBadExpression) << text;
    }
  }
}

}  // namespace
}  // namespace sql
