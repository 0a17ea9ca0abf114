#include <fmt/core.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/signature.h"
#include "journal/tag.h"
#include "postgres_test.h"
#include "proof/footprint.h"
#include "proof/sql_text.h"
#include "proof/unseen.h"
#include "stream/drain.h"

namespace proof {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class FootprintTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    connection_.emplace(Connect());
    connection_->Exec(
        "CREATE TABLE public.users(id int PRIMARY KEY, name text, shown text);"
        "CREATE TABLE public.orders(id int PRIMARY KEY, user_id int REFERENCES public.users ON DELETE CASCADE, total "
        "numeric) ;"
        "CREATE TABLE public.audit(id serial PRIMARY KEY, what text);"
        "CREATE TABLE public.log(line text); CREATE TABLE public.unseen(v int); CREATE UNLOGGED TABLE public.cache(v "
        "int);"
        "CREATE TABLE public.parts(id int PRIMARY KEY, v int) PARTITION BY RANGE (id);"
        "CREATE TABLE public.part_1 PARTITION OF public.parts FOR VALUES FROM (0) TO (100);"
        "INSERT INTO public.users SELECT g, 'n' || g FROM generate_series(1, 30) g;"
        "INSERT INTO public.orders SELECT g, g, 10 FROM generate_series(1, 30) g WHERE g <> 29;"
        "INSERT INTO public.parts SELECT g, g FROM generate_series(1, 5) g");
    const std::string random = base::RandomHex(4);
    request_.connect.conninfo = url();
    request_.slot = fmt::format("switchback_{}_1", random);
    request_.publications = {"p_k", "p_n"};
    request_.state = fs::temp_directory_path() / ("footprint-" + random);
    connection_->Exec("CREATE PUBLICATION p_k FOR TABLE public.users, public.orders, public.audit, public.parts");
    connection_->Exec("CREATE PUBLICATION p_n FOR TABLE public.log WITH (publish = 'insert')");
    request_.from = pg::Lsn::Parse(
        connection_->Query("SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')", {request_.slot})
            .Text(0, 0));
  }
  void TearDown() override {
    connection_.reset();
    fs::remove_all(request_.state);
    PostgresTest::TearDown();
  }

  void AddStep(const std::string& id, std::vector<plan::Written> footprint) {
    plan::Step& step = plan_.steps.emplace_back();
    step.id = id;
    step.footprint = std::move(footprint);
  }
  // As a step of the release.
  void Run(const std::string& step, const std::string& sql, const std::string& direction = "forward") {
    const std::string tag = journal::MakeTag("secret", {.release = "r", .step = step, .direction = direction});
    connection_->Exec(fmt::format("BEGIN; SELECT pg_logical_emit_message(true, 'switchback', {}); {}; COMMIT",
                                  pg::Literal(tag), sql));
  }
  // What is outside, one line each: "migrate.1: public.audit: rows were inserted (1)".
  std::vector<std::string> Outsides(bool values = false) {
    EXPECT_EQ(stream::Drain(request_).not_evidenced, "");
    stream::Reader reader(request_.state, request_.slot, {"r", {base::PublicKeyOf("secret")}});
    const StoredTables stored = ReadStored(*connection_, request_.publications);
    audit_ = AuditFootprint(
        reader, {.plan = plan_, .after = {}, .roots = RootsOf(stored), .keys = KeysOf(stored), .values = values});
    std::vector<std::string> lines;
    for (const StepAudit& step : audit_.steps) {
      for (const Outside& outside : step.outside) {
        lines.push_back(fmt::format("{}: {}: {} ({})", step.step, outside.table.Text(), outside.what, outside.rows));
      }
    }
    return lines;
  }

  std::optional<pg::Connection> connection_;
  stream::DrainRequest request_;
  plan::Plan plan_;
  Audit audit_;
};

TEST_F(FootprintTest, AStepThatDoesWhatItDeclaresIsQuiet) {
  AddStep("migrate.1", {{{"public", "users"}, {"shown"}}});
  AddStep("migrate.2", {{{"public", "parts"}, {"id", "v"}}});
  for (int batch = 0; batch < 3; ++batch) {
    Run("migrate.1", fmt::format("UPDATE public.users SET shown = name WHERE id % 3 = {}", batch));
  }
  Run("migrate.2", "DELETE FROM public.parts WHERE id = 1; INSERT INTO public.parts VALUES (1, 7)");
  Run("migrate.2", "DELETE FROM public.parts WHERE id = 1", "reverse");
  connection_->Exec("UPDATE public.orders SET total = 1 WHERE id = 1");  // an application may do anything
  EXPECT_THAT(Outsides(), IsEmpty());
  ASSERT_EQ(audit_.steps.size(), 3U);
  const Wrote& users = audit_.steps[0].wrote.at({"public", "users"});
  EXPECT_EQ(audit_.steps[0].transactions, 3);
  EXPECT_EQ(users.updated, 30);
  EXPECT_EQ(users.columns_unknown, 30) << "without the row as it was, columns are not evidenced";
  EXPECT_EQ(audit_.steps[1].wrote.at({"public", "parts"}).inserted, 1) << "a partition's rows are its root's";
  EXPECT_EQ(audit_.steps[2].direction, "reverse");
  EXPECT_EQ(audit_.applications, 1);
}

// A corrupting opaque step, a user's trigger that writes elsewhere, a cascade, a column more than said.
TEST_F(FootprintTest, FindsWhatNoStepDeclares) {
  AddStep("migrate.1", {});
  AddStep("migrate.2", {{{"public", "users"}, {"shown"}}});
  AddStep("migrate.3", {{{"public", "users"}, {"id", "name", "shown"}}});
  connection_->Exec(
      "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit(what) "
      "VALUES (NEW.name); RETURN NEW; END $$;"
      "CREATE TRIGGER noted BEFORE UPDATE ON public.users FOR EACH ROW WHEN (NEW.id <= 2) EXECUTE FUNCTION "
      "public.note(); ALTER TABLE public.users REPLICA IDENTITY FULL");
  Run("migrate.1", "DO $$ BEGIN UPDATE public.orders SET total = total * 1000 WHERE id <= 25; END $$");
  Run("migrate.2", "UPDATE public.users SET shown = name, name = lower(name || 'X') WHERE id <= 3");
  Run("migrate.3", "DELETE FROM public.users WHERE id = 30");
  Run("migrate.2", "UPDATE public.users SET id = 99 WHERE id = 29");
  Run("migrate.2", "TRUNCATE public.audit");
  Run("", "INSERT INTO public.log VALUES ('of no step')");
  EXPECT_THAT(
      Outsides(true),
      ElementsAre("migrate.1: public.orders: rows were updated (25)", "migrate.2: public.audit: rows were inserted (2)",
                  "migrate.2: public.users: column name was changed (3)",
                  "migrate.2: public.users: column id was changed (1)", "migrate.2: public.audit: it was truncated (0)",
                  "migrate.3: public.orders: rows were deleted (1)", ": public.log: rows were inserted (1)"));
  const Outside& orders = audit_.steps[0].outside[0];
  EXPECT_EQ(orders.first.size(), 20U) << "the first ones are listed, the rest is counted";
  EXPECT_EQ(orders.first[0].at("key"), (base::Json{{"id", "1"}}));
  EXPECT_EQ(orders.first[0].at("after").at("total"), "10000");
  const base::Json named = audit_.steps[1].outside[1].first[0];
  EXPECT_EQ(named.at("before").at("name"), "n1");
  EXPECT_EQ(named.at("after").at("name"), "n1x");
  Outsides();
  EXPECT_FALSE(audit_.steps[0].outside[0].first[0].contains("after")) << "values are not shown unless asked for";
  EXPECT_EQ(audit_.steps[1].outside[1].first[0].at("key"), (base::Json{{"id", "1"}})) << "nor as a part of the key";
}

TEST_F(FootprintTest, ListsTagsThatDoNotVerifyAsTheApplicationsByTheTablesOfTheRelease) {
  plan_.tables = {{"public", "users"}, {"public", "parts"}};
  AddStep("migrate.1", {{{"public", "users"}, {"id", "name", "shown"}}});
  const auto emit = [&](const std::string& message, const std::string& sql) {
    connection_->Exec("BEGIN; SELECT pg_logical_emit_message(true, 'switchback', " + message + "); " + sql +
                      "; COMMIT");
  };
  emit("'v1 r migrate.1 forward 00 ff'", "UPDATE public.users SET name = 'mine' WHERE id = 1");
  emit("'\\xff00'::bytea || repeat('m', 1000)::bytea", "SELECT 1");
  emit("'x'", "INSERT INTO public.part_1 VALUES (50)");
  for (int i = 0; i < 9; ++i) emit("'x'", i % 2 == 0 ? "SELECT 1" : "INSERT INTO public.audit(what) VALUES ('a')");
  EXPECT_THAT(Outsides(), IsEmpty());
  EXPECT_EQ(audit_.applications, 12);
  std::vector<std::string> groups;
  for (const Unverified& each : audit_.unverified) {
    const base::Json json = ToJson(each);
    groups.push_back(json.at("touches").dump() + " " + json.at("transactions").dump());
    EXPECT_LE(json.at("first").at("message").get<std::string>().size(), 200U);
    EXPECT_NO_THROW(base::Canonical(json)) << "a message may hold any bytes";
  }
  EXPECT_THAT(groups, ElementsAre("[\"public.users\"] 1", "[] 10", "[\"public.parts\"] 1"));
}

TEST_F(FootprintTest, KnowsWhatTheStreamDoesNotShow) {
  const StoredTables before = ReadStored(*connection_, request_.publications);
  std::vector<std::string> uncovered;
  for (const auto& [oid, table] : before) {
    if (!table.uncovered.empty()) uncovered.push_back(table.uncovered);
  }
  EXPECT_THAT(uncovered, UnorderedElementsAre(HasSubstr("public.log has no key"), HasSubstr("public.unseen is in no"),
                                              HasSubstr("public.cache is unlogged")));
  Run("migrate.1", "ALTER TABLE public.orders ALTER total TYPE bigint USING total * 1000");
  connection_->Exec("ALTER TABLE public.users RENAME TO people; ALTER TABLE public.people ADD COLUMN more int");
  EXPECT_THAT(Rewritten(before, ReadStored(*connection_, request_.publications)),
              ElementsAre(pg::QualifiedName{"public", "orders"}));
  EXPECT_THAT(Outsides(), IsEmpty()) << "which is why a rewrite has to be found by its file";
}

TEST_F(FootprintTest, ItsSqlIsPrepared) {
  for (const auto& [file, sql] : sql_text::kAll) EXPECT_NO_THROW(connection_->CheckPrepares(std::string(sql))) << file;
}

}  // namespace
}  // namespace proof
