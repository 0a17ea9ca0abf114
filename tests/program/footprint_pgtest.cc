// What a release really wrote, seen in its stream: alarms, the gate, and going on all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "needs_programs.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class Footprint : public testing::Test {
 protected:
  void SetUp() override {
    project_.Connect().Exec(
        "CREATE TABLE public.shops(id int PRIMARY KEY, city text, name text);"
        "CREATE TABLE public.orders(id int PRIMARY KEY, total int);"
        "CREATE TABLE public.audit(id serial PRIMARY KEY, what text);"
        "CREATE TABLE public.carts(k int UNIQUE);"
        "CREATE TABLE public.lines(id int PRIMARY KEY, cart int REFERENCES public.carts(k) ON DELETE CASCADE);"
        "INSERT INTO public.shops SELECT g, 'Vienna', 'secret shop' FROM generate_series(1, 2) g;"
        "INSERT INTO public.orders SELECT g, g FROM generate_series(1, 9) g;"
        "INSERT INTO public.carts VALUES (1), (2); INSERT INTO public.lines VALUES (1, 1), (2, 1), (3, 2);"
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit(what) "
        "VALUES (OLD.city); NEW.name := upper(NEW.name); RETURN NEW; END $$;"
        "CREATE TRIGGER noted BEFORE UPDATE ON public.shops FOR EACH ROW EXECUTE FUNCTION public.note()");
  }
  base::Json On(const std::vector<std::string>& words, int exit) {
    const base::Json said = project_.On(words);
    EXPECT_EQ(said["exit"], exit) << words.front() << "\n" << said.dump(2);
    return said;
  }
  std::string Status(const std::string& release) { return project_.Say({"status", release}).out; }

  test::ServedProject project_;
};

TEST_F(Footprint, AnAlarmStopsTheRunAndAPersonMayGoOn) {
  const auto directory = project_.MakeRelease("spoil", "UPDATE public.shops SET city = 'Wien';");
  On({"plan", "spoil"}, 0);
  On({"checkpoint", "spoil"}, 0);
  project_.Connect().Exec("UPDATE public.orders SET total = 7 WHERE id > 7; INSERT INTO public.orders VALUES (10, 1)");
  const base::Json before = On({"gate", "spoil"}, 0);
  EXPECT_THAT(before["result"].dump(),
              AllOf(HasSubstr("leave behind 1 transaction of applications"),
                    HasSubstr("public.orders 1 inserted, 2 updated"), HasSubstr("public.carts has no key")));
  const base::Json stopped = On({"run", "spoil"}, 10);
  EXPECT_THAT(stopped["error"]["detail"].get<std::string>(),
              AllOf(HasSubstr("public.audit: rows were inserted, 2 rows, the first {\"id\":\"1\"}"),
                    HasSubstr("public.shops: column name was changed, 2 rows, the first {\"id\":\"1\"}")));
  EXPECT_THAT(Status("spoil"), HasSubstr("alarm: migrate.2: public.audit"));
  const base::Json verdict = On({"gate", "spoil", "--for", "purge"}, 10);
  EXPECT_EQ(verdict["result"]["decision"], "NO_GO");
  On({"run", "spoil"}, 10);
  On({"run", "spoil", "--accept-alarms"}, 0);
  EXPECT_THAT(Status("spoil"), Not(HasSubstr("alarm")));
  On({"evidence", "build", "spoil"}, 0);
  std::string report;
  for (const auto& entry : std::filesystem::directory_iterator(project_.State("spoil") / "evidence")) {
    On({"evidence", "verify", entry.path().string()}, 0);
    report = base::ReadFile(entry.path() / "report.md");
  }
  EXPECT_THAT(report, AllOf(HasSubstr("rows were inserted"), HasSubstr("public.orders 1 inserted"),
                            Not(HasSubstr("secret")), Not(HasSubstr("SECRET"))));
  On({"rollback", "spoil"}, 0);
  On({"run", "spoil", "--accept-alarms"}, 0);  // what the way back wrote is accepted, too
  On({"rollback", "spoil"}, 0);
  EXPECT_EQ(project_.Connect().Exec("SELECT count(*) FROM public.shops WHERE city = 'Vienna'").Int(0, 0), 2);
  EXPECT_TRUE(std::filesystem::exists(project_.State("spoil") / "stream"));
}

// Any role can emit them, and in any number.
TEST_F(Footprint, MessagesThatAreNoTagsStopNobodyAndHoldTheGateWhereTheyWroteTheReleasesTables) {
  project_.MakeRelease("told", "ALTER TABLE public.orders ADD COLUMN note text NOT NULL DEFAULT md5('1');");
  On({"plan", "told"}, 0);
  On({"checkpoint", "told"}, 0);
  pg::Connection anybody = project_.Connect();
  anybody.Exec("CREATE ROLE nobody_much");
  const auto emit = [&](const std::string& sql) {
    anybody.Exec(
        "BEGIN; SET LOCAL ROLE nobody_much; SELECT pg_logical_emit_message(true, 'switchback', 'v1 told ' || "
        "repeat('m', 100000)) FROM generate_series(1, 20); RESET ROLE; " +
        sql + "; COMMIT");
  };
  for (int i = 0; i < 20; ++i) emit("INSERT INTO public.audit(what) VALUES ('a')");
  On({"expand", "told"}, 0);
  for (int i = 0; i < 20; ++i) emit("SELECT 1");
  const base::Json run = On({"run", "told"}, 0);
  EXPECT_THAT(Status("told"),
              AllOf(HasSubstr("transactions with a tag that does not verify"), Not(HasSubstr("alarm"))));
  emit("UPDATE public.orders SET total = 0 WHERE id = 1");
  const base::Json held = On({"gate", "told", "--for", "contract"}, 11);
  EXPECT_THAT(held["result"].dump(), HasSubstr("of this release's tables: public.orders"));
  EXPECT_EQ(On({"watch", "told", "--once"}, 11)["result"]["findings"][0]["level"], "hold");
  emit("UPDATE public.orders SET total = 0 WHERE id = 2");
  On({"contract", "told", "--accept-alarms"}, 0);
  emit("UPDATE public.orders SET total = 0 WHERE id = 3");
  On({"gate", "told", "--for", "purge"}, 0);
  EXPECT_LT(std::filesystem::file_size(project_.State("told") / "journal.jsonl"), 100'000U);
}

TEST_F(Footprint, AnOpaqueStatementThatSpoilsRowsAndACascadeAreFoundAndTakenBack) {
  const auto directory =
      project_.MakeRelease("opaque",
                           "DO $$ BEGIN UPDATE public.orders SET total = total * 1000 WHERE id <= 3; END $$;\n"
                           "DELETE FROM public.carts WHERE k = 1;\n");
  base::WriteFile(directory / "release.yaml",
                  base::ReadFile(directory / "release.yaml") +
                      "opaque:\n"
                      "  - {statement: 1, down: \"UPDATE public.orders SET total = total / 1000 WHERE id <= 3\"}\n"
                      "  - {statement: 2, down: \"INSERT INTO public.carts VALUES (1)\"}\n");
  EXPECT_THAT(project_.Say({"plan", "opaque"}).out,
              AllOf(HasSubstr("writes: no row, or the run stops"), HasSubstr("writes: public.carts (k)")));
  EXPECT_THAT(On({"run", "opaque"}, 10)["error"]["detail"].get<std::string>(),
              HasSubstr("migrate.1: public.orders: rows were updated, 3 rows"));
  EXPECT_THAT(On({"run", "opaque", "--accept-alarms"}, 10)["error"]["detail"].get<std::string>(),
              AllOf(HasSubstr("migrate.2: public.lines: rows were deleted, 2 rows"), Not(HasSubstr("public.orders"))));
  On({"rollback", "opaque"}, 0);
  EXPECT_EQ(project_.Connect().Exec("SELECT sum(total) FROM public.orders").Int(0, 0), 45);
  EXPECT_EQ(project_.Connect().Exec("SELECT count(*) FROM public.lines").Int(0, 0), 1) << "what a down leaves out";
  EXPECT_THAT(Status("opaque"), AllOf(HasSubstr("alarm: migrate.2: public.lines"),
                                      HasSubstr("alarm: migrate.1 (reverse): public.orders")));
}

TEST_F(Footprint, WhatIsDeclaredIsQuietAndALostSlotIsSaid) {
  const auto directory = project_.MakeRelease(
      "declared",
      "DO $$ BEGIN UPDATE public.orders SET total = 0; INSERT INTO public.audit(what) VALUES ('all'); END $$;\n"
      "DROP TABLE public.lines;\n");
  base::WriteFile(directory / "release.yaml",
                  base::ReadFile(directory / "release.yaml") +
                      "opaque:\n  - {statement: 1, down: \"SELECT 1\", writes: {orders: [total], audit: ['*']}}\n");
  EXPECT_THAT(project_.Say({"plan", "declared"}).out,
              AllOf(HasSubstr("writes: public.audit (id, what), public.orders (total)"),
                    HasSubstr("public.orders: which of its columns migrate.1 will change is not evidenced"),
                    Not(HasSubstr("on: public.audit: "))));
  On({"run", "declared"}, 0);
  EXPECT_THAT(Status("declared"), AllOf(Not(HasSubstr("alarm")), HasSubstr("which columns of public.orders")));
  auto connection = project_.Connect();
  const std::string slot = connection.Exec("SELECT slot_name FROM pg_replication_slots").Text(0, 0);
  connection.Query("SELECT pg_drop_replication_slot($1)", {slot});
  EXPECT_THAT(Status("declared"), HasSubstr("stream: lost"));
  connection.Exec("INSERT INTO public.orders VALUES (77, 1)");
  const base::Json verdict = On({"gate", "declared", "--for", "contract"}, 0)["result"];
  EXPECT_THAT(verdict.dump(), AllOf(AnyOf(HasSubstr("cannot bring back"), HasSubstr("from the archive instead")),
                                    HasSubstr("leave behind 1 transaction of applications"),
                                    HasSubstr("public.orders 1 inserted"), HasSubstr("Evidence: pg_waldump")));
  const base::Json loss = On({"restore", "declared", "--dry-run"}, 0)["result"]["loss"];
  EXPECT_EQ(loss["applications"], 1) << loss.dump(2);
  EXPECT_THAT(loss["evidenced_by"].get<std::string>(), AnyOf("pg_waldump", "archive stream"));
}

TEST_F(Footprint, RowsKeptWholeTellWhichColumnsWereWritten) {
  project_.Connect().Exec(
      "ALTER TABLE public.orders ADD note text; CREATE TABLE public.bare(n int); INSERT INTO public.bare VALUES (1);"
      "ALTER TABLE public.orders REPLICA IDENTITY FULL; ALTER TABLE public.bare REPLICA IDENTITY FULL");
  const auto directory = project_.MakeRelease("whole",
                                              "DO $$ BEGIN UPDATE public.orders SET total = 0, note = CASE WHEN id = 4 "
                                              "THEN 'spoiled' END; END $$;\nUPDATE public.bare SET n = 2;\n");
  base::WriteFile(directory / "release.yaml", base::ReadFile(directory / "release.yaml") +
                                                  "opaque:\n"
                                                  "  - {statement: 1, down: \"SELECT 1\", writes: {orders: [total]}}\n"
                                                  "  - {statement: 2, down: \"SELECT 1\"}\n");
  EXPECT_THAT(
      project_.Say({"plan", "whole"}).out,
      AllOf(Not(HasSubstr("not evidenced")), HasSubstr("public.orders: REPLICA IDENTITY FULL: each UPDATE and DELETE"),
            HasSubstr("public.bare: REPLICA IDENTITY FULL: each UPDATE and DELETE")));
  On({"checkpoint", "whole"}, 0);
  project_.Connect().Exec("UPDATE public.bare SET n = 7; DELETE FROM public.bare");
  EXPECT_THAT(
      project_.Say({"restore", "whole", "--dry-run"}).out,
      AllOf(HasSubstr("public.bare: 0 inserted, 1 updated, 1 deleted"), Not(HasSubstr("public.bare has no key"))));
  project_.Connect().Exec("INSERT INTO public.bare VALUES (1)");
  EXPECT_THAT(On({"run", "whole"}, 10)["error"]["detail"].get<std::string>(),
              HasSubstr("migrate.1: public.orders: column note was changed, 1 row, the first {\"id\":\"4\"}"));
  On({"run", "whole", "--accept-alarms"}, 0);
  EXPECT_THAT(Status("whole"), Not(HasSubstr("which columns of")));
}

}  // namespace
