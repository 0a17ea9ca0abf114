#include <fmt/core.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "recover/salvage_story.h"

// What a session that fires no triggers would get wrong, and what has no plain key.
namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kCorners = R"(
CREATE SCHEMA switchback_app;
CREATE TABLE switchback_app.setting(id int PRIMARY KEY, v text);
INSERT INTO switchback_app.setting VALUES (1, 'old');
CREATE TABLE public.amount(k numeric PRIMARY KEY, v text);
INSERT INTO public.amount VALUES (1.0, 'old'), (2.50, 'old');
CREATE TABLE public.seat(id int PRIMARY KEY, place int UNIQUE, later int UNIQUE DEFERRABLE INITIALLY DEFERRED,
                         hours int4range, EXCLUDE USING gist (hours WITH &&) DEFERRABLE);
INSERT INTO public.seat SELECT g, g, g, int4range(g * 10, g * 10 + 5) FROM generate_series(1, 10) AS g;
CREATE TABLE public.half(a int, g int GENERATED ALWAYS AS (a + 1) STORED, v text, PRIMARY KEY (a, g));
INSERT INTO public.half (a, v) VALUES (1, 'old');
CREATE TABLE public.seen(id serial PRIMARY KEY, what text);
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.seen (what) VALUES (TG_TABLE_NAME || ' ' || NEW.id); RETURN NEW; END $$;
CREATE TRIGGER see AFTER UPDATE ON public.seat FOR EACH ROW EXECUTE FUNCTION public.see();
ALTER TABLE public.seat ENABLE ALWAYS TRIGGER see;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.line := 'touched'; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.entry_1 FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.entry_1 ENABLE REPLICA TRIGGER touch;
CREATE SEQUENCE public.round CYCLE MAXVALUE 10;
CREATE SEQUENCE public.down INCREMENT -1 MINVALUE -1000 START -1;
SELECT setval('public.round', 8);
CREATE TYPE public.grade AS ENUM ('low', 'high');
CREATE TABLE public.graded(g public.grade PRIMARY KEY, v text);
INSERT INTO public.graded VALUES ('low', 'old');
CREATE TABLE public.most(v int);
INSERT INTO public.most VALUES (100);
CREATE FUNCTION public.fits(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN $1 <= (SELECT v FROM most); END';
CREATE TABLE public.checked(id int PRIMARY KEY, v int CHECK (public.fits(v)));
SET search_path = public;
INSERT INTO public.checked VALUES (1, 1);
SET search_path = pg_catalog;
ALTER DATABASE shop SET search_path = public;
CREATE PUBLICATION everything FOR ALL TABLES;
)";

class CornersTest : public SalvageStory {
 protected:
  void SetUp() override {
    source_.Exec(kCorners);
    citext_ = Ask(source_, "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'") == "1";
    if (citext_) {
      source_.Exec(
          "CREATE SCHEMA extra; CREATE EXTENSION citext SCHEMA extra; CREATE TABLE public.who(name extra.citext "
          "PRIMARY "
          "KEY, v text); CREATE TABLE public.of_who(id int PRIMARY KEY, name extra.citext REFERENCES public.who);"
          "INSERT INTO public.who VALUES ('Abc', 'old'), ('Bob', 'old'), ('Ann', 'old'), ('Carl', 'old'); INSERT INTO "
          "public.of_who "
          "VALUES (1, 'abc')");
    }
    SalvageStory::SetUp();
  }

  static std::string Ask(pg::Connection& server, const std::string& sql) { return server.Query(sql).Text(0, 0); }

  bool citext_ = false;

  // The kinds of conflicts by table and key.
  static std::string Kinds(const fs::path& file) {
    std::string kinds;
    const base::Json conflicts = base::Json::parse(base::ReadFile(file));
    for (const base::Json& conflict : conflicts.at("conflicts")) {
      kinds += fmt::format("{} {} {}\n", conflict.at("table")[1].get<std::string>(), conflict.at("key").dump(),
                           conflict.at("cause").get<std::string>());
    }
    return kinds;
  }
};

TEST_F(CornersTest, CarriesOverWhatConstraintsAndTriggersMakeHard) {
  Migration("UPDATE public.seat SET later = 100 WHERE id = 1; UPDATE public.seat SET hours = '[200,205)' WHERE id = 4");
  source_.Exec("UPDATE switchback_app.setting SET v = 'new'");
  source_.Exec("BEGIN; DELETE FROM public.amount WHERE k = 1; INSERT INTO public.amount VALUES (1.000, 'new'); COMMIT");
  source_.Exec(
      "UPDATE public.amount SET v = 'first' WHERE k = 2.5; BEGIN; DELETE FROM public.amount WHERE k = 2.5;"
      "INSERT INTO public.amount VALUES (2.5, 'new'); COMMIT");
  // Without it, 18 refuses this UPDATE because of the applications' own publication.
  if (source_.ServerVersion() >= 180000) {
    source_.Exec("ALTER PUBLICATION everything SET (publish_generated_columns = stored)");
  }
  source_.Exec("UPDATE public.half SET v = 'new'");
  // Rows change places: through another value, and at the end of a transaction.
  source_.Exec(
      "BEGIN; UPDATE public.seat SET place = -1 WHERE id = 2; UPDATE public.seat SET place = 2 WHERE id = 3;"
      "UPDATE public.seat SET place = 3 WHERE id = 2; COMMIT");
  source_.Exec(
      "BEGIN; UPDATE public.seat SET id = -1 WHERE id = 5; UPDATE public.seat SET id = 5 WHERE id = 6;"
      "UPDATE public.seat SET id = 6 WHERE id = -1; COMMIT");
  source_.Exec(
      "BEGIN; UPDATE public.seat SET later = 8 WHERE id = 7; UPDATE public.seat SET later = 7 WHERE id = 8; COMMIT");
  // As restored, row 1 has the first of these values and row 4 the other.
  source_.Exec("UPDATE public.seat SET later = 1 WHERE id = 9; UPDATE public.seat SET hours = '[41,42)' WHERE id = 10");
  // A partition that the restored server does not have, and a table of which nobody knows what was done to its rows.
  source_.Exec(
      "CREATE TABLE public.entry_2 PARTITION OF public.entry FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');"
      "INSERT INTO public.entry VALUES ('2027-05-05', 1, 'far')");
  source_.Exec("UPDATE public.entry SET line = 'changed' WHERE id = 2");
  source_.Exec("VACUUM FULL public.orders");
  source_.Exec("UPDATE public.orders SET total = 11 WHERE id = 11");
  source_.Exec("ALTER TYPE public.grade ADD VALUE 'higher'");
  source_.Exec(
      "INSERT INTO public.graded VALUES ('higher', 'new'); UPDATE public.graded SET v = 'new' WHERE g = 'low'");
  source_.Exec("SET search_path = public; UPDATE public.checked SET v = 2; RESET search_path");
  if (citext_) {
    source_.Exec("SET search_path = public, extra; UPDATE who SET name = 'ABC', v = 'new' WHERE name = 'abc'");
    source_.Exec("INSERT INTO of_who VALUES (2, 'aBC'); DELETE FROM who WHERE name = 'bob'");
    source_.Exec("INSERT INTO who VALUES ('BOB', 'new'); UPDATE who SET name = 'anna' WHERE name = 'ann'");
    source_.Exec("INSERT INTO who VALUES ('ANN', 'new'); UPDATE who SET v = 'newer' WHERE name = 'ann'");
    source_.Exec("SET search_path = pg_catalog; UPDATE public.who SET v = 'touched' WHERE name::text = 'Carl'");
    Migration("DELETE FROM public.who WHERE name::text = 'Carl'");
    source_.Exec("INSERT INTO public.who VALUES ('CARL', 'anew')");
  }
  source_.Exec(
      "SELECT setval('public.orders_id_seq', 500, false), setval('public.round', 3), nextval('public.down'), "
      "nextval('public.down')");

  const SalvageReport done = Salvage(Restore());
  auto restored = made_.Connect(done.restored);
  EXPECT_EQ(Kinds(done.conflicts),
            "orders {\"id\":\"11\"} column\n"
            "entry {\"at\":\"2027-05-05\",\"id\":\"1\"} refused\n"
            "seat {\"id\":\"9\"} refused\n"
            "seat {\"id\":\"10\"} refused\n"
            "graded {\"g\":\"higher\"} refused\n" +
                std::string(citext_ ? "who {\"name\":\"Carl\"} deleted_row\n" : ""));
  EXPECT_THAT(done.uncovered, testing::Contains(HasSubstr("public.orders was rewritten or emptied")));
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());
  // Half of its key is generated: of such a table 18 lets only insertions be published, so the stream has no update.
  const bool published = source_.ServerVersion() < 180000;
  EXPECT_EQ(done.report.account.tables.count({"public", "half"}), published ? 1U : 0U);
  EXPECT_EQ(done.report.Skipped(), published ? 1 : 0);
  for (const char* sql :
       {"SELECT v FROM public.checked", "SELECT v FROM public.graded WHERE g = 'low'",
        "SELECT v FROM switchback_app.setting", "SELECT string_agg(k || v, ' ') FROM public.amount",
        "SELECT string_agg(place::text, ' ' ORDER BY hours) FROM public.seat WHERE id NOT IN (1, 4, 10)",
        "SELECT string_agg(id::text, ' ' ORDER BY lower(hours)) FROM public.seat WHERE id IN (5, 6)",
        "SELECT string_agg(what, ' ' ORDER BY id) FROM public.seen WHERE what NOT IN ('seat 1', 'seat 4')",
        "SELECT line FROM public.entry WHERE id = 2", "SELECT last_value || ' ' || is_called FROM public.orders_id_seq",
        "SELECT last_value || ' ' || is_called FROM public.round",
        "SELECT last_value || ' ' || is_called FROM public.down",
        "SELECT string_agg(tgenabled, '' ORDER BY tgname) FROM pg_trigger WHERE tgname IN ('see', 'touch')"}) {
    EXPECT_EQ(Ask(restored, sql), Ask(source_, sql)) << sql;
  }
  if (citext_) {
    constexpr const char* kNames = "SELECT string_agg(name || ' ' || v, ', ' ORDER BY name::text) FROM public.who";
    EXPECT_EQ(Ask(restored, kNames), "ABC new, ANN newer, BOB new, Carl touched, anna old");
    constexpr const char* kWho =
        "SELECT string_agg(w.name || w.v || o.id || o.name, ' ' ORDER BY o.id) FROM public.who AS "
        "w, public.of_who AS o WHERE w.name::text = 'ABC'";
    EXPECT_EQ(Ask(restored, kWho), Ask(source_, kWho));
  }
  EXPECT_EQ(Ask(restored, "SELECT string_agg(later::text, ' ' ORDER BY id) FROM public.seat WHERE id IN (1, 7, 9)"),
            "1 8 9");
}

// What was decided counts for the conflicts that it was made of; and a hand on their rows is not overwritten.
TEST_F(CornersTest, RefusesDecisionsThatAreOfSomethingElse) {
  Migration("UPDATE public.customer SET balance = 7 WHERE id < 4");
  source_.Exec("UPDATE public.customer SET balance = 8 WHERE id = 2; UPDATE public.orders SET total = 8 WHERE id = 2");
  const std::string url = Restore();
  SalvageReport done = Salvage(url);
  ASSERT_EQ(Kinds(done.conflicts), "customer {\"id\":\"2\"} column\n");
  base::Json file = ConflictsFile();
  const auto resolve = [&](const base::Json& with) {
    try {
      const salvage::Resolved resolved = Decide(url, {.file = with});
      return fmt::format("{} applied, {} refused, {} stale", resolved.applied, resolved.refused, resolved.stale.size());
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kBadResolutions);
      return error.message() + " " + error.detail();
    }
  };
  for (const base::Json& wrong : {base::Json("2"), base::Json(1)}) {
    base::Json other = file;
    other["version"] = wrong;
    EXPECT_THAT(resolve(other), HasSubstr("version"));
  }
  for (const base::Json& wrong : {base::Json("delta"), base::Json("all"), base::Json({{"value", 1}})}) {
    file["conflicts"][0]["take"] = wrong;
    EXPECT_THAT(resolve(file), HasSubstr("none of its choices: restored, application, value"));
  }
  file["conflicts"][0]["take"] = "application";
  base::Json another = file;
  another["conflicts"][0]["application"] = "9";
  EXPECT_THAT(resolve(another), HasSubstr("not of its last salvage"));
  another["conflicts"].push_back(file["conflicts"][0]);
  another["conflicts"][1]["take"] = {{"value", "many"}};
  EXPECT_EQ(resolve(another), "0 applied, 1 refused, 1 stale");
  EXPECT_THAT(ConflictsFile()["conflicts"][0]["why"].get<std::string>(), HasSubstr("invalid input syntax"));
  EXPECT_EQ(resolve(file), "1 applied, 0 refused, 0 stale");
  EXPECT_EQ(Kinds(done.conflicts), "") << "only what is left to decide stays in the file";

  source_.Exec("UPDATE public.orders SET total = 9 WHERE id = 2; UPDATE public.customer SET balance = 9 WHERE id = 2");
  EXPECT_EQ(Salvage(url).report.conflicts, 0);
  auto restored = made_.Connect(url);
  EXPECT_EQ(Ask(restored, "SELECT total FROM public.orders WHERE id = 2"), "9");
  EXPECT_EQ(Ask(restored, "SELECT balance FROM public.customer WHERE id = 2"), "9") << "the applications' last";
  restored.Exec("SET session_replication_role = replica; UPDATE public.customer SET id = 200 WHERE id = 2");
  source_.Exec("UPDATE public.orders SET total = 10 WHERE id = 2");
  try {
    Salvage(url);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kSalvageDone);
  }
  EXPECT_EQ(Ask(restored, "SELECT total FROM public.orders WHERE id = 2"), "9") << "not put back";
}

}  // namespace
}  // namespace recover
