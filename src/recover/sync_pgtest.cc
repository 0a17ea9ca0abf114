// The triggers that keep an old and a new column in step, under every kind of write that applications have: none may
// fail for them, and afterwards both sides tell the same, or the row is listed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "catalog/read.h"
#include "journal/mirror.h"
#include "pg/quote.h"
#include "plan/plan.h"
#include "postgres_test.h"
#include "recover/unconverted.h"
#include "recover/undo.h"
#include "run/runner.h"

namespace recover {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class SyncTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    directory_ = std::filesystem::temp_directory_path() / fmt::format("switchback-sync-{}", ::getpid());
    std::filesystem::remove_all(directory_);
    release_.name = "20260101-sync";
    release_.change_path = "change.sql";
  }
  void TearDown() override {
    std::filesystem::remove_all(directory_);
    PostgresTest::TearDown();
  }

  // As an application speaks: with settings of its own.
  pg::Result Application(const std::string& sql) {
    pg::Connection connection = Connect("application");
    connection.Exec("SET search_path = public; SET row_security = on");
    return connection.Exec(sql);
  }
  void Do(const std::string& sql) {
    try {
      Application(sql);
    } catch (const base::Error& error) {
      ADD_FAILURE() << error.Text();
    }
  }
  std::string Ask(const std::string& sql) { return Application(sql).Text(0, 0); }

  void Compile(const std::string& setup, const std::string& change) {
    Do(setup);
    release_.change_sql = change;
    const plan::Needs needs = plan::NeedsOf(release_);
    pg::Connection connection = Connect();
    plan_ = plan::Compile(release_,
                          catalog::Read(connection, {needs.relations, needs.types, needs.statements, needs.functions}));
    for (const plan::Blocker& blocker : plan_.blockers) ADD_FAILURE() << blocker.object << ": " << blocker.reason;
    journal::InstallSchema(connection);
    journal_.emplace(journal::Journal::Open(directory_));
  }
  [[nodiscard]] run::Session Session() {
    pg::ConnectOptions connect;
    connect.conninfo = url();
    return {connect, plan_, *journal_, "secret"};
  }
  void RunTo(plan::Phase phase) { run::RunTo(Session(), phase); }
  void CompileAndMigrate(const std::string& setup, const std::string& change) {
    Compile(setup, change);
    RunTo(plan::Phase::kMigrate);
  }
  [[nodiscard]] std::int64_t Listed() {
    pg::Connection connection = Connect();
    return ReadUnconverted(connection, release_.name, &plan_).count;
  }

  release::Release release_;
  plan::Plan plan_;
  std::optional<journal::Journal> journal_;
  std::filesystem::path directory_;
};

constexpr const char* kRenamed = "ALTER TABLE t RENAME COLUMN a TO b";
constexpr const char* kPairs =
    "SELECT string_agg(id || ':' || coalesce(a, '-') || coalesce(b, '-'), ' ' ORDER BY id) FROM t";

TEST_F(SyncTest, UpsertsMergesAndCopiesFillTheOtherSide) {
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x'), (2, 'x')", kRenamed);
  const std::string conflict = " ON CONFLICT (id) DO UPDATE SET ";
  Do("INSERT INTO t (id, a) VALUES (1, 'o'), (3, 'o')" + conflict + "a = excluded.a");
  Do("INSERT INTO t (id, b) VALUES (2, 'n'), (4, 'n')" + conflict + "b = excluded.b");
  EXPECT_EQ(Ask(kPairs), "1:oo 2:nn 3:oo 4:nn");
  // What a conflict proposes has been through the INSERT triggers: either name may be read from it.
  Do("INSERT INTO t (id, a) VALUES (1, 'p')" + conflict + "b = excluded.b");
  Do("COPY t (id, b) FROM PROGRAM 'printf ''5\tc\\n'''");
  EXPECT_EQ(Ask(kPairs), "1:pp 2:nn 3:oo 4:nn 5:cc");
  if (Connect().ServerVersion() >= 150000) {
    Do("MERGE INTO t USING (VALUES (5, 'm'), (6, 'm')) AS s (id, v) ON t.id = s.id "
       "WHEN MATCHED THEN UPDATE SET b = s.v WHEN NOT MATCHED THEN INSERT (id, a) VALUES (s.id, s.v)");
    EXPECT_EQ(Ask(kPairs), "1:pp 2:nn 3:oo 4:nn 5:mm 6:mm");
  }
  RunTo(plan::Phase::kContract);
  Do("INSERT INTO t (id, b) VALUES (1, 'q')" + conflict + "b = excluded.b");
  UndoTo(Session(), plan::Phase::kMigrate);
  EXPECT_EQ(Ask("SELECT a || b FROM t WHERE id = 1"), "qq");
}

TEST_F(SyncTest, OneStatementThatChangesBothSides) {
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x'), (2, 'x')", kRenamed);
  Do("UPDATE t SET a = 'y', b = 'y' WHERE id = 1; UPDATE t SET a = 'old', b = 'new' WHERE id = 2");
  EXPECT_EQ(Ask(kPairs), "1:yy 2:newnew");
  EXPECT_EQ(Ask("SELECT string_agg(key ->> 'id', ',') FROM switchback.both_changed"), "2");
  Do("INSERT INTO t (id, a, b) VALUES (3, 'old', 'new'); UPDATE t SET a = NULL WHERE id = 1");
  EXPECT_EQ(Ask(kPairs), "1:-- 2:newnew 3:newnew");
}

// Any role may set the setting by which our own writes pass the triggers; it counts for those who own our schema.
TEST_F(SyncTest, WhoDoesNotOwnOurSchemaCannotPassTheTriggers) {
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x')", kRenamed);
  const std::string role = pg::Ident("app_" + base::RandomHex(4));
  Do(fmt::format("CREATE ROLE {0} LOGIN; GRANT ALL ON t TO {0}", role));
  const std::string user = role.substr(1, role.size() - 2);
  auto application = pg::Connection::Open({.conninfo = url() + "&user=" + user});
  application.Exec(
      "SET switchback.bypass = 'on'; UPDATE public.t SET a = 'y' WHERE id = 1; "
      "INSERT INTO public.t (id, b) VALUES (2, 'z')");
  EXPECT_EQ(Ask(kPairs), "1:yy 2:zz");
  Do("SET switchback.bypass = 'on'; UPDATE t SET a = 'w' WHERE id = 1");
  EXPECT_EQ(Ask(kPairs), "1:wy 2:zz");
  Do(fmt::format("DROP OWNED BY {0}; DROP ROLE {0}", role));
}

// varchar has no = of its own, so that one of exactly this type in a schema of the path would be taken.
TEST_F(SyncTest, AnOperatorOfOthersDecidesNothing) {
  Do("CREATE FUNCTION public.same(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; "
     "CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = varchar, RIGHTARG = varchar)");
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, a varchar(20)); INSERT INTO t VALUES (1, 'x'), (2, 'x')",
                    kRenamed);
  Do("UPDATE t SET a = 'y' WHERE id = 1; UPDATE t SET b = 'z' WHERE id = 2");
  EXPECT_EQ(Ask(kPairs), "1:yy 2:zz");
  RunTo(plan::Phase::kContract);
  Do("UPDATE t SET b = 'w' WHERE id = 1");
  UndoTo(Session(), plan::Phase::kMigrate);
  EXPECT_EQ(Ask(kPairs), "1:ww 2:zz");
}

// The equality of the type is asked, wherever it stands: for citext 'A' and 'a' are one value.
// What an application writes arrives as it is, also where the type takes it for equal to what was there.
TEST_F(SyncTest, AnEqualValueThatIsAnotherIsCarried) {
  CompileAndMigrate(
      "CREATE COLLATION lax (provider = icu, locale = 'und-u-ks-level2', deterministic = false); "
      "CREATE TABLE t (id int PRIMARY KEY, i interval, n numeric, j jsonb, f float8, l text COLLATE lax, r numrange, a "
      "numeric[]); INSERT INTO t SELECT g, '30 days', 1.0, '1.0', 0, 'abc', '[1.0,2]', '{1.0}' FROM generate_series(1, "
      "2) g",
      "ALTER TABLE t RENAME COLUMN i TO i2; ALTER TABLE t RENAME COLUMN n TO n2; ALTER TABLE t RENAME COLUMN j TO j2; "
      "ALTER TABLE t RENAME COLUMN f TO f2; ALTER TABLE t RENAME COLUMN l TO l2; ALTER TABLE t RENAME COLUMN r TO r2; "
      "ALTER TABLE t RENAME COLUMN a TO a2");
  const std::string olds = "SELECT concat_ws(' ', i, n, j, f, l, r, a) FROM t WHERE id = ";
  const std::string news = "SELECT concat_ws(' ', i2, n2, j2, f2, l2, r2, a2) FROM t WHERE id = ";
  Do("UPDATE t SET i = '1 mon', n = 1.00, j = '1.00', f = '-0', l = 'ABC', r = '[1.00,2]', a = '{1.00}' WHERE id = 1");
  Do("UPDATE t SET i2 = '1 mon', n2 = 1.00, j2 = '1.00', f2 = '-0', l2 = 'ABC', r2 = '[1.00,2]', a2 = '{1.00}' WHERE "
     "id "
     "= 2");
  for (const char* id : {"1", "2"}) {
    EXPECT_EQ(Ask(olds + id), "1 mon 1.00 1.00 -0 ABC [1.00,2] {1.00}") << id;
    EXPECT_EQ(Ask(news + id), "1 mon 1.00 1.00 -0 ABC [1.00,2] {1.00}") << id;
  }
}

TEST_F(SyncTest, ATypesOwnEqualityDecides) {
  Do("CREATE SCHEMA kept; CREATE EXTENSION citext SCHEMA kept");
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, a kept.citext); INSERT INTO t VALUES (1, 'x')", kRenamed);
  Do("UPDATE t SET a = 'y', b = 'Y'");
  EXPECT_EQ(Ask(kPairs), "1:yY");
  Do("UPDATE t SET b = 'z'");
  EXPECT_EQ(Ask(kPairs), "1:zz");
}

TEST_F(SyncTest, DeferredConstraintsSeeTheSyncedRow) {
  CompileAndMigrate(
      "CREATE TABLE p (k text PRIMARY KEY); INSERT INTO p VALUES ('x'); "
      "CREATE TABLE t (id int PRIMARY KEY, a text REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
      kRenamed);
  Do("BEGIN; INSERT INTO t (id, a) VALUES (1, 'later'); INSERT INTO t (id, b) VALUES (2, 'later'); "
     "INSERT INTO p VALUES ('later'); COMMIT");
  EXPECT_EQ(Ask(kPairs), "1:laterlater 2:laterlater");
  EXPECT_THROW(Application("BEGIN; INSERT INTO t (id, b) VALUES (3, 'never'); COMMIT"), base::Error);
}

TEST_F(SyncTest, ALossyTransformSurvivesRowsThatMoveBetweenPartitions) {
  release_.transforms["t"]["b"] = {"btrim(a)", "b"};
  CompileAndMigrate(
      "CREATE TABLE t (id int, region text, a text, PRIMARY KEY (id, region)) PARTITION BY LIST (region); "
      "CREATE TABLE t_n PARTITION OF t FOR VALUES IN ('n'); CREATE TABLE t_s PARTITION OF t FOR VALUES IN ('s'); "
      "INSERT INTO t VALUES (1, 'n', '  padded '), (2, 'n', 'x')",
      kRenamed);
  EXPECT_EQ(Ask("SELECT '[' || a || ']' || b FROM t WHERE id = 1"), "[  padded ]padded");
  Do("UPDATE t SET region = 's'");
  EXPECT_EQ(Ask("SELECT '[' || a || ']' || b FROM t_s WHERE id = 1"), "[  padded ]padded");
  Do("UPDATE t SET region = 'n', b = 'new' WHERE id = 1; UPDATE t SET region = 'n', a = ' old ' WHERE id = 2");
  EXPECT_EQ(Ask("SELECT string_agg('[' || a || ']' || b, ' ' ORDER BY id) FROM t_n"), "[new]new [ old ]old");
}

TEST_F(SyncTest, IdentityAndGeneratedColumns) {
  CompileAndMigrate(
      "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, n int, "
      "twice int GENERATED ALWAYS AS (n * 2) STORED); INSERT INTO t (a, n) VALUES ('x', 1)",
      kRenamed);
  Do("INSERT INTO t (b, n) VALUES ('n', 3); UPDATE t SET a = a || 'o', n = n + 1");
  EXPECT_EQ(Ask("SELECT string_agg(a || b || twice, ' ' ORDER BY twice) FROM t"), "xoxo4 nono8");
}

TEST_F(SyncTest, TriggersOfTheUsersOnEitherSideOfOurs) {
  Compile(
      "CREATE TABLE t (id int PRIMARY KEY, a text, touched int DEFAULT 0); INSERT INTO t VALUES (1, 'x'); "
      "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; "
      "END'; CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch(); "
      "CREATE FUNCTION lower_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN jsonb_populate_record("
      "NEW, (SELECT jsonb_object_agg(key, lower(value)) FROM jsonb_each_text(to_jsonb(NEW)))); END'; "
      "CREATE TRIGGER lower_it BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION lower_it()",
      kRenamed);
  RunTo(plan::Phase::kMigrate);
  Do("INSERT INTO t (id, a) VALUES (2, 'OLD'); INSERT INTO t (id, b) VALUES (3, 'NEW'); UPDATE t SET b = 'UP' WHERE id "
     "= 1");
  EXPECT_EQ(Ask(kPairs), "1:upup 2:oldold 3:newnew");
  EXPECT_EQ(Ask("SELECT string_agg(touched::text, ' ' ORDER BY id) FROM t WHERE id > 1"), "1 1");
}

TEST_F(SyncTest, AValueThatDoesNotConvertIsWrittenListedAndForgottenOnceCorrected) {
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, '1'), (2, 'n/a')",
                    "ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t ALTER COLUMN b TYPE bigint USING b::bigint");
  EXPECT_EQ(Listed(), 1);
  Do("INSERT INTO t (id, a) VALUES (3, 'none'); UPDATE t SET a = 'gone' WHERE id = 1");
  EXPECT_EQ(Ask("SELECT string_agg(id || a || coalesce(b::text, '-'), ' ' ORDER BY id) FROM t"), "1gone- 2n/a- 3none-");
  EXPECT_EQ(Listed(), 3);
  Do("UPDATE t SET a = '5' WHERE id = 1; UPDATE t SET b = 6 WHERE id = 2; DELETE FROM t WHERE id = 3");
  EXPECT_EQ(Ask("SELECT string_agg(id || a || b, ' ' ORDER BY id) FROM t"), "155 266");
  EXPECT_EQ(Listed(), 0);
}

TEST_F(SyncTest, AWayBackThatIsClosedForARowOpensAgain) {
  CompileAndMigrate("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL); INSERT INTO t VALUES (1, 1), (2, 2)",
                    "ALTER TABLE t ALTER COLUMN n TYPE bigint");
  RunTo(plan::Phase::kSwitch);
  Do("UPDATE t SET n = 3000000000 WHERE id = 1; INSERT INTO t (id, n) VALUES (3, 3000000000)");
  EXPECT_EQ(Ask("SELECT string_agg(id || ':' || n, ' ' ORDER BY id) FROM t"), "1:3000000000 2:2 3:3000000000");
  EXPECT_EQ(Listed(), 2);
  Do("UPDATE t SET n = 5 WHERE id = 1; DELETE FROM t WHERE id = 3");
  EXPECT_EQ(Listed(), 0);
  RunTo(plan::Phase::kContract);
  UndoTo(Session(), plan::Phase::kStart);
  EXPECT_EQ(Ask("SELECT string_agg(id || ':' || n, ' ' ORDER BY id) FROM t"), "1:5 2:2");
}

TEST_F(SyncTest, RowsThatArriveByLogicalReplication) {
  const std::string table = "CREATE TABLE public.t (id int PRIMARY KEY, a text)";
  const std::string publisher = Ask("SELECT current_database() || '_publisher'");
  Do("CREATE DATABASE " + pg::Ident(publisher));
  pg::ConnectOptions options;
  options.conninfo = pg::WithDatabase(url(), publisher);
  pg::Connection source = pg::Connection::Open(options);
  source.Exec(table + "; CREATE PUBLICATION p FOR TABLE public.t");
  source.Exec("SELECT pg_create_logical_replication_slot('sync_publisher', 'pgoutput')");
  Do(table + "; CREATE SUBSCRIPTION s CONNECTION " + pg::Literal(options.conninfo) +
     " PUBLICATION p WITH (create_slot = false, copy_data = false, slot_name = 'sync_publisher')");
  CompileAndMigrate("SELECT", kRenamed);
  source.Exec("INSERT INTO public.t VALUES (1, 'x'), (2, 'y'); UPDATE public.t SET a = 'z' WHERE id = 2");
  for (int i = 0; i < 200 && Ask("SELECT count(*) FROM t WHERE a IN ('x', 'z')") != "2"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(Ask(kPairs), "1:xx 2:zz");
  Application("DROP SUBSCRIPTION s");
  Application("SELECT pg_terminate_backend(" + std::to_string(source.BackendPid()) + ")");
  Application("DROP DATABASE " + pg::Ident(publisher) + " WITH (FORCE)");
}

// Transforms run in the applications' sessions, whatever those have set, and give what the backfill gives.
TEST_F(SyncTest, TheSettingsOfAnApplicationChangeNoValue) {
  release_.transforms["t"]["path2"] = {R"(replace(path, '\', '/'))", R"(replace(path2, '/', '\'))"};
  CompileAndMigrate(
      "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, d date, i interval, b bytea, f float8, m money, x text, n "
      "text, "
      "path text); INSERT INTO t (id, at) VALUES (0, '2026-02-03 04:05:06+00')",
      "ALTER TABLE t RENAME COLUMN at TO at2; ALTER TABLE t ALTER COLUMN at2 TYPE text USING at2::text;"
      "ALTER TABLE t RENAME COLUMN d TO d2; ALTER TABLE t ALTER COLUMN d2 TYPE text USING d2::text;"
      "ALTER TABLE t RENAME COLUMN i TO i2; ALTER TABLE t ALTER COLUMN i2 TYPE text USING i2::text;"
      "ALTER TABLE t RENAME COLUMN b TO b2; ALTER TABLE t ALTER COLUMN b2 TYPE text USING b2::text;"
      "ALTER TABLE t RENAME COLUMN f TO f2; ALTER TABLE t ALTER COLUMN f2 TYPE text USING f2::text;"
      "ALTER TABLE t RENAME COLUMN m TO m2; ALTER TABLE t ALTER COLUMN m2 TYPE text USING m2::text;"
      "ALTER TABLE t RENAME COLUMN x TO x2; ALTER TABLE t ALTER COLUMN x2 TYPE xml USING x2::xml;"
      "ALTER TABLE t RENAME COLUMN n TO n2; ALTER TABLE t ALTER COLUMN n2 TYPE int[] USING n2::int[];"
      "ALTER TABLE t RENAME COLUMN path TO path2;");
  const std::vector<std::string> settings = {
      "DateStyle = 'SQL, DMY'",      "IntervalStyle = 'sql_standard'",
      "TimeZone = 'Asia/Kathmandu'", "bytea_output = 'escape'",
      "extra_float_digits = -6",     "xmloption = 'document'",
      "array_nulls = off",           "lc_monetary = 'C.UTF-8'",
      "search_path = pg_temp",       "standard_conforming_strings = off",
      "transform_null_equals = on",  "default_transaction_isolation = 'serializable'",
      "plpgsql.extra_errors = 'all'"};
  int id = 1;
  for (const std::string& setting : settings) {
    SCOPED_TRACE(setting);
    Do(fmt::format(
        "SET TimeZone = 'UTC'; SET {0}; INSERT INTO public.t (id, at, d, i, b, f, m, x, n, path) VALUES ({1}, "
        "'2026-02-03 04:05:06.789+00', '2026-02-03', '-1 day 02:03:04', E'\\\\000\\\\377', 1e15 + 0.3, '1234.5', "
        "'a<b/>', "
        "'{{NULL,1}}', E'a\\\\b/c'); "
        "INSERT INTO public.t (id, at2, d2, i2, b2, f2, m2, n2, path2) VALUES ({2}, '2026-02-03 04:05:06.789+00', "
        "'2026-02-03', '-1 days +02:03:04', E'\\\\x00ff', '0.1', '$1,234.50', "
        "ARRAY[NULL, 1]::int[], 'a/b')",
        setting, id, id + 1));
    EXPECT_EQ(Listed(), 0);
    pg::Connection pinned = Connect();
    const std::string written = fmt::format(" FROM public.t WHERE id IN ({}, {})", id, id + 1);
    EXPECT_EQ(pinned
                  .Exec("SELECT count(*) FILTER (WHERE (at::text, d::text, i::text, b::text, f::text, m::text, x, "
                        "n::int[], replace(path, E'\\\\', '/')) IS DISTINCT FROM (at2, d2, i2, b2, f2, m2, x2::text, "
                        "n2, path2))" +
                        written)
                  .Int(0, 0),
              0)
        << pinned
               .Exec("SELECT string_agg(t::text, ' ')" + std::string(" FROM public.t WHERE id >= ") +
                     std::to_string(id))
               .Text(0, 0);
    id += 2;
  }
}

// What hardened databases do: nobody gets a right by default, rows are guarded, the table belongs to someone else.
TEST_F(SyncTest, ARoleWithoutAnyRightOfOursWrites) {
  Do("CREATE ROLE \"sync's owner\"; CREATE ROLE \"sync's app\"; "
     "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC");
  Compile(
      "CREATE TABLE t (id int PRIMARY KEY, tenant text DEFAULT current_user, a text); "
      "INSERT INTO t VALUES (1, 'x', '1'), (2, 'sync''s app', '2'); ALTER TABLE t OWNER TO \"sync's owner\"; "
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; "
      "CREATE POLICY mine ON t USING (tenant = current_user); GRANT SELECT, INSERT, UPDATE ON t TO \"sync's app\"",
      "ALTER TABLE t RENAME COLUMN a TO b; ALTER TABLE t ALTER COLUMN b TYPE int USING b::int");
  RunTo(plan::Phase::kMigrate);
  EXPECT_EQ(Ask("SELECT string_agg(a || '=' || b, ' ' ORDER BY id) FROM t"), "1=1 2=2");
  Do("SET SESSION AUTHORIZATION \"sync's app\"; INSERT INTO t (id, a) VALUES (3, '3'), (4, 'x'); "
     "INSERT INTO t (id, b) VALUES (5, 5); UPDATE t SET b = 22 WHERE a = '2'");
  EXPECT_EQ(Ask("SELECT string_agg(a || '=' || coalesce(b::text, '-'), ' ' ORDER BY id) FROM t"),
            "1=1 22=22 3=3 x=- 5=5");
  EXPECT_EQ(Listed(), 1);
  Do("SET SESSION AUTHORIZATION \"sync's app\"; UPDATE t SET a = '4' WHERE id = 4");
  EXPECT_EQ(Listed(), 0);
  Do("DROP OWNED BY \"sync's owner\", \"sync's app\"; DROP ROLE \"sync's owner\", \"sync's app\"");
}

}  // namespace
}  // namespace recover
