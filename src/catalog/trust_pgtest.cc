#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "base/digest.h"
#include "base/error.h"
#include "catalog/trust.h"
#include "postgres_test.h"

namespace catalog {
namespace {

using testing::HasSubstr;

// An operator who is superuser, and a role `mallory` of this test alone, whose functions are at hand.
class TrustTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    mallory_ = "mallory_" + base::RandomHex(4);
    Admin(
        fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; CREATE SCHEMA theirs AUTHORIZATION {0}; "
                    "CREATE TABLE public.t (id int PRIMARY KEY, name text)",
                    Mallory()));
    // The function that takes the session's own role back and is superuser again.
    As("CREATE FUNCTION theirs.f(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN PERFORM "
       "pg_catalog.set_config('role', 'none', false); RETURN $1; END$$; "
       "CREATE FUNCTION theirs.ok(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; "
       "CREATE FUNCTION theirs.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
       "CREATE FUNCTION theirs.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; "
       "CREATE DOMAIN theirs.domain AS text; "
       "CREATE FUNCTION theirs.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
    Admin("CREATE TYPE public.mood AS ENUM ('a')");
    As("CREATE FUNCTION theirs.says(public.mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'b'::text$$");
  }
  void TearDown() override {
    Admin(fmt::format("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", Mallory()));
    PostgresTest::TearDown();
  }
  [[nodiscard]] std::string Mallory() const { return pg::Ident(mallory_); }
  void Admin(const std::string& sql) const { Connect().Exec("SET search_path = public; " + sql); }
  void As(const std::string& sql) const { Connect().Exec(fmt::format("SET ROLE {}; {}", Mallory(), sql)); }

  [[nodiscard]] pg::Connection Session(const std::vector<std::string>& trusts = {}) const {
    return pg::Connection::Open({.conninfo = url(), .trusts = trusts});
  }
  // What RequireTrust says against public.t; "": nothing.
  [[nodiscard]] std::string Refusal(const std::vector<std::string>& trusts = {}, const std::string& path = "",
                                    Writes writes = Writes::kOrdinarily) const {
    auto session = Session(trusts);
    try {
      RequireTrust(session, {{"public", "t"}}, path, writes);
      return "";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kUntrusted) << error.what();
      return error.message() + "\n" + error.detail() + "\n" + error.hint();
    }
  }
  void ExpectRefused(const std::string& what, const std::string& path = "") const {
    const std::string refusal = Refusal({}, path);
    EXPECT_THAT(refusal, HasSubstr(what));
    EXPECT_THAT(refusal, HasSubstr(mallory_));
    EXPECT_EQ(Refusal({mallory_}, path), "");
  }

  std::string mallory_;
};

struct Way {
  std::string name;
  std::string sql;   // as the superuser
  std::string what;  // that the refusal says
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }
class WaysIn : public TrustTest, public testing::WithParamInterface<Way> {};

TEST_P(WaysIn, IsRefusedByName) {
  EXPECT_EQ(Refusal(), "");
  Admin(GetParam().sql);
  ExpectRefused(GetParam().what);
}

INSTANTIATE_TEST_SUITE_P(
    All, WaysIn,
    testing::Values(
        Way{"Trigger", "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION theirs.fire()",
            "function theirs.fire() of trigger g on public.t"},
        Way{"TriggersCondition",
            "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER g "
            "BEFORE UPDATE ON t FOR EACH ROW WHEN (theirs.ok(NEW.name)) EXECUTE FUNCTION fire()",
            "function theirs.ok(text) of trigger g"},
        Way{"DeferredTrigger",
            "CREATE CONSTRAINT TRIGGER g AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
            "theirs.fire()",
            "of trigger g"},
        Way{"StatementTrigger", "CREATE TRIGGER g AFTER UPDATE ON t EXECUTE FUNCTION theirs.fire()", "of trigger g"},
        Way{"IndexExpression", "CREATE INDEX i ON t (theirs.f(name))", "function theirs.f(text) of index i"},
        Way{"IndexPredicate", "CREATE INDEX i ON t (id) WHERE theirs.ok(name)", "of index i"},
        Way{"Check", "ALTER TABLE t ADD CONSTRAINT c CHECK (theirs.ok(name)) NOT VALID", "of constraint c"},
        Way{"GeneratedColumn", "ALTER TABLE t ADD COLUMN g text GENERATED ALWAYS AS (theirs.f(name)) STORED",
            "of generated column g"},
        Way{"Default", "ALTER TABLE t ALTER COLUMN name SET DEFAULT theirs.f('x')", "of default of name"},
        Way{"Policy", "CREATE POLICY p ON t USING (theirs.ok(name))", "of policy p"},
        Way{"Rule", "CREATE RULE r AS ON UPDATE TO t DO ALSO SELECT theirs.ok(NEW.name)", "of rule r"},
        Way{"Operator",
            "CREATE OPERATOR public.=== (FUNCTION = theirs.same, LEFTARG = text, RIGHTARG = text); "
            "ALTER TABLE t ADD CONSTRAINT c CHECK (name === 'a') NOT VALID",
            "theirs.same(text,text) of constraint c"},
        Way{"Cast",
            "CREATE CAST (public.mood AS text) WITH FUNCTION "
            "theirs.says(public.mood); ALTER TABLE t ADD COLUMN m public.mood",
            "theirs.says(public.mood)"},
        Way{"CheckOfADomain",
            "CREATE DOMAIN public.d AS text CHECK (theirs.ok(VALUE)); ALTER TABLE t ADD COLUMN d public.d",
            "theirs.ok(text)"},
        Way{"DomainBelowAnArrayOfRows",
            "CREATE DOMAIN public.d AS text CHECK (theirs.ok(VALUE)); CREATE TYPE public.pair AS (d public.d); ALTER "
            "TABLE t ADD COLUMN d public.pair[]",
            "theirs.ok(text)"},
        Way{"Domain", "ALTER TABLE t ADD COLUMN d theirs.domain", "domain theirs.domain"},
        Way{"TableOfACascade",
            "CREATE TABLE child (t int REFERENCES t ON DELETE CASCADE); CREATE TRIGGER g AFTER DELETE ON child FOR "
            "EACH ROW EXECUTE FUNCTION theirs.fire()",
            "of trigger g on public.child"},
        Way{"Heir",
            "CREATE TABLE heir () INHERITS (t); CREATE TRIGGER g AFTER DELETE ON heir FOR EACH ROW EXECUTE FUNCTION "
            "theirs.fire()",
            "of trigger g on public.heir"},
        Way{"EventTrigger", "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION theirs.on_ddl()",
            "theirs.on_ddl() of event trigger e"}),
    [](const auto& way) { return way.param.name; });

TEST_F(TrustTest, ARoleThatIsAMemberOfTheOwnerTrustsIt) {
  Admin("CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION theirs.fire()");
  const std::string deploy = mallory_ + "_deploy";
  Admin(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT USAGE ON SCHEMA public TO {0}",
                    pg::Ident(deploy)));
  const auto as_deploy = [&] {
    auto session = pg::Connection::Open({.conninfo = url() + "&user=" + deploy});
    try {
      RequireTrust(session, {{"public", "t"}}, "");
      return std::string();
    } catch (const base::Error& error) {
      return error.message();
    }
  };
  EXPECT_THAT(as_deploy(), HasSubstr(mallory_));
  Admin(fmt::format("GRANT {} TO {}", Mallory(), pg::Ident(deploy)));
  EXPECT_EQ(as_deploy(), "");
  // One that can make itself a superuser has more to lose than its membership says.
  Admin(fmt::format("GRANT pg_execute_server_program TO {}", pg::Ident(deploy)));
  EXPECT_THAT(as_deploy(), HasSubstr(mallory_));
  Admin(fmt::format("DROP OWNED BY {0}; DROP ROLE {0}", pg::Ident(deploy)));
}

TEST_F(TrustTest, ASchemaOfThePathInWhichOthersMayCreateIsRefused) {
  Admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  EXPECT_EQ(Refusal({}, "public"), "");
  Admin(fmt::format("GRANT CREATE ON SCHEMA public TO {}", Mallory()));
  ExpectRefused("schema public of the search path", "public");
  ExpectRefused("schema theirs of the search path", "theirs");
  Admin("GRANT CREATE ON SCHEMA public TO PUBLIC");
  EXPECT_THAT(Refusal({mallory_}, "public"), HasSubstr("everyone"));
  EXPECT_EQ(Refusal({mallory_, "PUBLIC"}, "public"), "");
}

TEST_F(TrustTest, RowsThatAreHiddenAreRefused) {
  Admin("ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY");
  EXPECT_EQ(Refusal(), "");  // nothing is hidden from a superuser
  Admin(fmt::format("ALTER TABLE t OWNER TO {}", Mallory()));
  auto session = pg::Connection::Open({.conninfo = url() + "&user=" + mallory_});
  try {
    RequireTrust(session, {{"public", "t"}}, "");
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.message() + error.detail(), HasSubstr("row security"));
    EXPECT_THAT(error.detail(), HasSubstr("public.t"));
  }
}

TEST_F(TrustTest, ForAReplicaOrdinaryTriggersDoNotFire) {
  Admin("CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION theirs.fire()");
  EXPECT_EQ(Refusal({}, "", Writes::kAsReplica), "");
  Admin("ALTER TABLE t ENABLE ALWAYS TRIGGER g");
  EXPECT_THAT(Refusal({}, "", Writes::kAsReplica), HasSubstr("trigger g"));
}

TEST_F(TrustTest, WhoMayAddCodeLaterIsKnown) {
  auto session = Session();
  EXPECT_FALSE(OthersMayAddCode(session, {{"public", "t"}}));
  Admin(fmt::format("GRANT TRIGGER ON t TO {}", Mallory()));
  EXPECT_TRUE(OthersMayAddCode(session, {{"public", "t"}}));
  Admin(fmt::format("REVOKE ALL ON t FROM {0}; ALTER TABLE t OWNER TO {0}", Mallory()));
  EXPECT_TRUE(OthersMayAddCode(session, {{"public", "t"}}));
  auto trusting = Session({mallory_});
  EXPECT_FALSE(OthersMayAddCode(trusting, {{"public", "t"}}));
}

// Made beforehand by a role that may create in the database, its triggers would have been superuser.
TEST_F(TrustTest, SchemasOfOursThatAreNotOursAreRefused) {
  const std::vector<std::pair<std::string, std::string>> ways = {
      {"CREATE SCHEMA switchback AUTHORIZATION {}", "the schema switchback"},
      {"CREATE SCHEMA switchback_retired AUTHORIZATION {}", "the schema switchback_retired"},
      {"CREATE SCHEMA switchback; CREATE TABLE switchback.journal (); ALTER TABLE switchback.journal OWNER TO {}",
       "the relation switchback.journal"},
      {"CREATE SCHEMA switchback; GRANT CREATE ON SCHEMA switchback TO {}",
       "the right to create in the schema switchback"},
      {"CREATE SCHEMA switchback; CREATE TABLE switchback.lease (); GRANT TRIGGER ON switchback.lease TO {}",
       "a right to switchback.lease"},
      {"CREATE SCHEMA switchback; CREATE TABLE switchback.lease (i int); CREATE TRIGGER g BEFORE INSERT ON "
       "switchback.lease FOR EACH ROW EXECUTE FUNCTION theirs.fire()",
       "the trigger g on switchback.lease"},
      {"CREATE SCHEMA switchback; CREATE TABLE switchback.lease (i text DEFAULT theirs.f('a'))", "the default of"},
      {"CREATE SCHEMA switchback; CREATE TABLE switchback.lease (i text CHECK (theirs.ok(i)))", "the constraint"},
      {"CREATE SCHEMA switchback; CREATE TABLE switchback.lease (i int); CREATE RULE r AS ON INSERT TO "
       "switchback.lease DO ALSO SELECT 1",
       "the rule r on switchback.lease"},
      {"CREATE SCHEMA switchback; CREATE FUNCTION switchback.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER "
       "FUNCTION switchback.f() OWNER TO {}",
       "the function switchback.f"}};
  for (const auto& [sql, what] : ways) {
    SCOPED_TRACE(sql);
    Admin(fmt::format(fmt::runtime(sql), Mallory()));
    auto session = Session();
    try {
      RequireOwnSchemas(session);
      ADD_FAILURE() << "not refused";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kUntrusted);
      EXPECT_THAT(error.detail(), HasSubstr(what));
    }
    Admin("DROP SCHEMA IF EXISTS switchback, switchback_retired CASCADE");
  }
}

}  // namespace
}  // namespace catalog
