#include <fmt/core.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "recover/salvage_story.h"

// What others did to the schema while applications wrote: partitions, columns, event triggers.
namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kOthers = R"(
CREATE TABLE public.part(id int, day int, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES FROM (0) TO (10);
CREATE TABLE public.part_2 PARTITION OF public.part FOR VALUES FROM (10) TO (20);
INSERT INTO public.part SELECT g, 5, 'old' FROM generate_series(1, 8) AS g;
CREATE TABLE public.dropped(id int PRIMARY KEY, w int NOT NULL DEFAULT 7, v text);
CREATE TABLE public.needed(id int PRIMARY KEY, w int NOT NULL, v text);
CREATE TABLE public.renamed(id int PRIMARY KEY, v text, x int);
INSERT INTO public.renamed VALUES (1, 'old', 1), (2, 'old', 1);
CREATE TABLE public.emptied(id int PRIMARY KEY, v int);
INSERT INTO public.emptied VALUES (1, 1);
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE public.wide(id int PRIMARY KEY, u int UNIQUE, '
  || string_agg('c' || g || ' int DEFAULT ' || g, ', ') || ')' FROM generate_series(1, 900) AS g); END $$;
INSERT INTO public.wide VALUES (1, 1);
CREATE TABLE public.ddl(id serial PRIMARY KEY, tag text);
CREATE FUNCTION public.note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO public.ddl (tag) VALUES (tg_tag); END';
CREATE EVENT TRIGGER noting ON ddl_command_end EXECUTE FUNCTION public.note_ddl();
ALTER EVENT TRIGGER noting ENABLE ALWAYS;
)";

class OthersTest : public SalvageStory {
 protected:
  void SetUp() override {
    source_.Exec(kOthers);
    SalvageStory::SetUp();
  }

  static std::string Ask(pg::Connection& server, const std::string& sql) { return server.Query(sql).Text(0, 0); }
  static std::string Rows(pg::Connection& server) {
    return Ask(server, "SELECT string_agg(id || ' ' || day || ' ' || v, ', ' ORDER BY id, day) FROM public.part");
  }

  base::Json Conflicts() { return base::Json::parse(base::ReadFile(state_ / "conflicts.json")).at("conflicts"); }
  // By table and id.
  std::map<std::string, std::string> Kinds() {
    std::map<std::string, std::string> kinds;
    const base::Json conflicts = Conflicts();
    for (const base::Json& conflict : conflicts) {
      const std::string id = conflict.at("key").at("id");
      std::string& kind = kinds[conflict.at("table")[1].get<std::string>() + " " + id];
      kind += (kind.empty() ? "" : ", ") + conflict.at("cause").get<std::string>();
    }
    return kinds;
  }

  // Takes the applications' side of all conflicts, or of those of one row; what is said against it.
  std::string Take(const std::string& url, const std::string& id = "") {
    base::Json file = ConflictsFile();
    for (base::Json& conflict : file.at("conflicts")) {
      if (id.empty() || conflict.at("key").at("id") == id) conflict["take"] = "application";
    }
    std::string text = fmt::format("{} applied", Decide(url, {.file = file}).applied);
    const base::Json left = Conflicts();
    for (const base::Json& conflict : left) {
      if (conflict.contains("refused")) text += "; " + conflict.at("why").get<std::string>();
    }
    return text;
  }
};

// PostgreSQL deletes a row in the partition that it leaves, and inserts it in the other one. Both or none are done.
TEST_F(OthersTest, ARowThatGoesToAnotherPartitionIsOneRow) {
  source_.Exec(
      "CREATE TABLE public.part_3 PARTITION OF public.part FOR VALUES FROM (20) TO (30);"
      "CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN INSERT INTO public.mark VALUES (NEW.id); RETURN NEW; END';"
      "CREATE TRIGGER see BEFORE INSERT ON public.part_3 FOR EACH ROW EXECUTE FUNCTION public.see()");
  source_.Exec("UPDATE public.part SET day = 15, v = 'moved' WHERE id = 1");
  source_.Exec("UPDATE public.part SET day = 26, v = 'new' WHERE id = 2");
  source_.Exec("UPDATE public.part SET day = 15 WHERE id = 3");
  source_.Exec("UPDATE public.part SET day = 27 WHERE id = 3; UPDATE public.part SET v = 'far' WHERE id = 3");
  source_.Exec("UPDATE public.part SET day = 28 WHERE id = 4");
  source_.Exec("UPDATE public.part SET day = 12 WHERE id = 4");
  Migration("UPDATE public.part SET v = 'spoilt' WHERE id = 5");
  source_.Exec("UPDATE public.part SET day = 15 WHERE id = 5");
  source_.Exec("UPDATE public.part SET day = 29 WHERE id = 6");
  source_.Exec("DELETE FROM public.part WHERE id = 6");
  source_.Exec("UPDATE public.part SET day = 26 WHERE id = 7");
  source_.Exec("INSERT INTO public.part VALUES (7, 5, 'in its place')");
  source_.Exec(
      "BEGIN; DELETE FROM public.part WHERE id = 8; INSERT INTO public.part VALUES (9, 15, 'another'); COMMIT");
  CountLoss(Options());
  const std::string url = Restore();
  auto restored = made_.Connect(url);

  // Without the old server nobody knows whose partition part_3 is.
  journal::Journal journal = journal::Journal::Open(state_);
  const salvage::Report alone =
      recover::Salvage({.conninfo = std::nullopt, .state = state_, .plan = plan_}, url, journal).report;
  EXPECT_EQ(alone.Applied() + alone.InConflict() + alone.Skipped(), alone.account.Changes());
  EXPECT_EQ(Kinds()["part 2"], "moved");
  EXPECT_THAT(Rows(restored), AllOf(HasSubstr("1 15 moved"), HasSubstr("2 5 old"), HasSubstr("6 5 old")));

  source_.Exec("UPDATE public.part SET v = 'later' WHERE id = 1");
  const SalvageReport done = Salvage(url);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());
  EXPECT_EQ(
      Kinds(),
      (std::map<std::string, std::string>{
          {"part 2", "refused"}, {"part 3", "refused"}, {"part 5", "changed_row"}, {"part 7", "refused, refused"}}));
  EXPECT_EQ(done.report.InConflict(), 12) << "two of 2, 5 and 7, which left and came; five of 3; and another 7";
  EXPECT_EQ(Rows(restored), "1 15 later, 2 5 old, 3 5 old, 4 12 old, 5 5 old, 7 5 old, 9 15 another");
  const base::Json refused = Conflicts()[1];
  EXPECT_THAT(refused.at("why").get<std::string>(),
              AllOf(HasSubstr("no partition"), HasSubstr("public.part_3 FOR VALUES FROM (20) TO (30)")));
  EXPECT_EQ(refused.at("application"), base::Json({{"id", "2"}, {"day", "26"}, {"v", "new"}}));

  EXPECT_THAT(Take(url, "2"), AllOf(HasSubstr("0 applied"), HasSubstr("refused a statement: no partition")));
  EXPECT_THAT(Rows(restored), HasSubstr("2 5 old, 3 5 old"));
  restored.Exec("CREATE TABLE public.part_3 PARTITION OF public.part FOR VALUES FROM (20) TO (30)");
  EXPECT_EQ(Take(url), "5 applied");
  EXPECT_EQ(Rows(restored), Rows(source_));
}

// As one whose key it changed in a table without partitions.
TEST_F(OthersTest, ARowThatTheMigrationMovedIsStillThatRow) {
  source_.Exec("INSERT INTO public.part VALUES (8, 15, 'old')");
  Migration(
      "UPDATE public.part SET day = 15 WHERE id BETWEEN 1 AND 4; UPDATE public.part SET v = 'spoilt' WHERE id = 5;"
      "INSERT INTO public.part VALUES (50, 5, 'made')");
  // Both rows of one id, anew: the last one that went is not the first one that came.
  Migration("DELETE FROM public.part WHERE id = 8; INSERT INTO public.part VALUES (8, 5, 'old'), (8, 15, 'old')");
  source_.Exec("DELETE FROM public.part WHERE id = 1");
  source_.Exec("UPDATE public.part SET v = 'new' WHERE id = 2");
  source_.Exec("UPDATE public.part SET day = 5 WHERE id = 3");
  source_.Exec("UPDATE public.part SET day = 5, v = 'back' WHERE id = 4");
  source_.Exec(
      "BEGIN; DELETE FROM public.part WHERE id = 5; INSERT INTO public.part VALUES (55, 15, 'another'); COMMIT");
  source_.Exec("UPDATE public.part SET v = 'new' WHERE id = 8 AND day = 5");
  source_.Exec("UPDATE public.part SET day = 15 WHERE id = 50");

  const std::string url = Restore();
  const SalvageReport done = Salvage(url);
  auto restored = made_.Connect(url);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());
  EXPECT_EQ(Kinds(), (std::map<std::string, std::string>{{"part 1", "changed_row"},
                                                         {"part 3", "changed_row"},
                                                         {"part 4", "changed_row"},
                                                         {"part 5", "changed_row"},
                                                         {"part 50", "migrations_row"}}));
  EXPECT_EQ(done.report.InConflict(), 8) << "two of 3, 4 and 50, which left and came";
  EXPECT_EQ(Rows(restored),
            "1 5 old, 2 5 new, 3 5 old, 4 5 old, 5 5 old, 6 5 old, 7 5 old, 8 5 new, 8 15 old, 55 15 another");
  EXPECT_EQ(Take(url), "5 applied");
  EXPECT_EQ(Rows(restored),
            "2 5 new, 3 5 old, 4 5 back, 6 5 old, 7 5 old, 8 5 new, 8 15 old, 50 15 made, 55 15 another");
}

TEST_F(OthersTest, ColumnsThatOthersDroppedOrRenamed) {
  source_.Exec("INSERT INTO public.dropped VALUES (1, 5, 'before')");
  source_.Exec(
      "ALTER TABLE public.dropped DROP COLUMN w; ALTER TABLE public.needed DROP COLUMN w;"
      "ALTER TABLE public.renamed RENAME COLUMN v TO vv");
  source_.Exec("INSERT INTO public.dropped VALUES (2, 'after'); INSERT INTO public.needed VALUES (1, 'after')");
  source_.Exec(
      "UPDATE public.renamed SET vv = 'new' WHERE id = 1; UPDATE public.renamed SET vv = 'new', x = 2 WHERE id = 2");
  Migration("UPDATE public.wide SET u = 100 WHERE id = 1");
  source_.Exec("INSERT INTO public.wide VALUES (2, 1)");
  // A conflict that a later write settles, and two of one row.
  Migration("UPDATE public.customer SET balance = 1000 WHERE id = 1; UPDATE public.emptied SET v = 99");
  source_.Exec("UPDATE public.customer SET balance = 1001 WHERE id = 1");
  Migration("UPDATE public.customer SET balance = 100 WHERE id = 1");
  source_.Exec("UPDATE public.customer SET balance = 102 WHERE id = 1");
  source_.Exec("UPDATE public.emptied SET v = 98; TRUNCATE public.emptied");
  source_.Exec("INSERT INTO public.emptied VALUES (1, 5); DELETE FROM public.emptied");

  const std::string url = Restore();
  const SalvageReport done = Salvage(url);
  auto restored = made_.Connect(url);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());
  EXPECT_EQ(Kinds(), (std::map<std::string, std::string>{
                         {"emptied 1", "exists"}, {"needed 1", "refused"}, {"wide 2", "refused"}}));
  EXPECT_EQ(done.report.InConflict(), 5) << "three of emptied";
  EXPECT_EQ(Ask(restored, "SELECT string_agg(id || ' ' || w || ' ' || v, ', ' ORDER BY id) FROM public.dropped"),
            "1 5 before, 2 7 after");
  EXPECT_EQ(Ask(restored, "SELECT string_agg(v || ' ' || x, ', ' ORDER BY id) FROM public.renamed"), "old 1, old 2");
  EXPECT_EQ((done.report.tables.at({"public", "renamed"}).skipped), 1);
  EXPECT_EQ((done.report.tables.at({"public", "renamed"}).applied), 1);
  EXPECT_THAT((done.report.account.tables.at({"public", "renamed"}).columns), testing::ElementsAre("vv"));
  EXPECT_EQ(Ask(restored, "SELECT balance FROM public.customer WHERE id = 1"), "102");
  const base::Json conflicts = Conflicts();
  for (const base::Json& conflict : conflicts) {
    const std::string table = conflict.at("table")[1];
    if (table == "wide") {
      EXPECT_EQ(conflict.at("application").at("c900"), "900");
    } else if (table == "needed") {
      EXPECT_EQ(conflict.at("defaults"), base::Json::array({"w"}));
    }
  }
  for (const char* sql :
       {"SELECT string_agg(tag, ' ' ORDER BY id) FROM public.ddl", "SELECT evtenabled FROM pg_event_trigger"}) {
    EXPECT_EQ(Ask(restored, sql), Ask(source_, sql)) << "no DDL of the salvage was noted";
  }

  EXPECT_THAT(Take(url),
              AllOf(HasSubstr("1 applied"),
                    HasSubstr("decided, and refused: the database refused a statement: null value in column \"w\""),
                    HasSubstr("decided, and refused: the database refused a statement: duplicate key")));
  restored.Exec("UPDATE public.wide SET u = 2 WHERE id = 1");
  base::Json file = ConflictsFile();
  for (base::Json& conflict : file.at("conflicts")) {
    if (conflict.at("table")[1] == "needed") conflict["take"] = {{"values", {{"w", "3"}}}};
  }
  EXPECT_EQ(Decide(url, {.file = file}).applied, 2);
  EXPECT_EQ(Ask(restored, "SELECT w FROM public.needed"), "3");
  EXPECT_EQ(Ask(restored, "SELECT count(*) FROM public.emptied"), "0");
}

}  // namespace
}  // namespace recover
