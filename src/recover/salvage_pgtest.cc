#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "recover/salvage_story.h"
#include "sandbox/server.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class SalvageTest : public SalvageStory {};

// A restored server in `directory`, which comes up again: pg_ctl takes one that recovers for ready.
void Crash(const fs::path& directory, const std::string& url) {
  const base::Finished restarted =
      base::Run({.argv = {sandbox::FindBinaries().Program("pg_ctl"), "-D", (directory / "data").string(), "-m",
                          "immediate", "-w", "-l", (directory / "data/restart.log").string(), "restart"},
                 .account = sandbox::ServerAccount()});
  ASSERT_EQ(restarted.exit, 0) << restarted.err;
  for (int attempt = 0; attempt < 300; ++attempt) {
    try {
      pg::Connection::Open({.conninfo = url});
      return;
    } catch (const base::Error&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  FAIL() << "the restored server stays away";
}

// The kinds of the conflicts in a file, by table and key.
std::map<std::string, std::string> KindsIn(const fs::path& file) {
  std::map<std::string, std::string> kinds;
  const base::Json conflicts = base::Json::parse(base::ReadFile(file));
  for (const base::Json& conflict : conflicts.at("conflicts")) {
    kinds[fmt::format("{} {}", conflict.at("table")[1].get<std::string>(), conflict.at("key").dump())] =
        conflict.at("cause");
  }
  return kinds;
}

TEST_F(SalvageTest, CarriesOverWhatApplicationsWrote) {
  // Both columns stand, and a trigger keeps them in step; one of somebody else changes the name of customer 9.
  Migration("ALTER TABLE public.customer ADD COLUMN title text");
  Migration(R"(CREATE FUNCTION public.step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.title IS DISTINCT FROM OLD.title AND NEW.name IS NOT DISTINCT FROM OLD.name THEN
      NEW.name := lower(NEW.title) || CASE NEW.id WHEN 9 THEN ' spoilt' ELSE '' END;
    ELSE NEW.title := upper(NEW.name); END IF; RETURN NEW; END $$;
    CREATE TRIGGER step BEFORE UPDATE ON public.customer FOR EACH ROW EXECUTE FUNCTION public.step())");
  Migration("UPDATE public.customer SET balance = balance * 1000 WHERE id <= 5");
  Migration("DELETE FROM public.orders WHERE id IN (15, 16)");
  Migration("INSERT INTO public.customer (id, name, note) VALUES (99, 'of the migration', '')");
  source_.Exec("UPDATE public.customer SET name = 'changed 1' WHERE id = 1");     // the balance stays restored
  source_.Exec("UPDATE public.customer SET balance = balance + 5 WHERE id = 2");  // a conflict
  source_.Exec("UPDATE public.customer SET balance = balance + 5 WHERE id = 7");  // big note not sent
  source_.Exec("UPDATE public.customer SET title = 'CHANGED 8' WHERE id = 8");    // through the new column
  source_.Exec("UPDATE public.customer SET title = 'CHANGED 9' WHERE id = 9");    // no trigger of ours made the name
  source_.Exec("UPDATE public.customer SET name = 'built' WHERE id = 99");        // a conflict
  source_.Exec("INSERT INTO public.customer VALUES (30, E'a\\tb\\\\\\n\"{}', NULL, 1, E'A\\tB\\\\\\n\"{}')");
  source_.Exec("INSERT INTO public.customer (id, name, title) VALUES (31, 'old', 'NEW')");  // no trigger made it
  source_.Exec("INSERT INTO public.customer (id, name, title) VALUES (32, 'mcx', 'McX')");  // one of a row that is gone
  source_.Exec("DELETE FROM public.customer WHERE id = 32");
  source_.Exec("INSERT INTO public.customer (id, name, title) VALUES (33, 'mcx', 'McX')");  // a conflict of one column
  source_.Exec("INSERT INTO public.orders (id, customer, total) VALUES (15, 1, 1)");        // a conflict
  source_.Exec("UPDATE public.orders SET id = 500, total = 11.50 WHERE id = 3");
  source_.Exec("INSERT INTO public.orders (id, customer, total) VALUES (3, 30, 3)");
  source_.Exec("DELETE FROM public.orders WHERE id = 4");
  source_.Exec("INSERT INTO public.orders (customer, total, flag, code) VALUES (5, 5, false, 'c4')");
  source_.Exec("BEGIN; DELETE FROM public.orders; ROLLBACK");
  source_.Exec(
      "BEGIN; UPDATE public.orders SET total = 20 WHERE id = 6; SAVEPOINT a; DELETE FROM public.orders; "
      "ROLLBACK TO a; COMMIT");
  source_.Exec(
      "UPDATE public.entry SET line = 'changed' WHERE id = 2; DELETE FROM public.entry WHERE id = 3;"
      "INSERT INTO public.entry VALUES ('2026-03-01', 1, 'new'); INSERT INTO public.keyless VALUES ('kept')");
  source_.Exec("INSERT INTO public.cut VALUES (1); TRUNCATE public.cut");

  const Loss loss = CountLoss(Options());
  EXPECT_EQ(loss.account.applications, 19);
  EXPECT_EQ(loss.account.unverified, 0);
  EXPECT_TRUE(loss.account.first <= loss.account.last);
  EXPECT_EQ((loss.account.tables.at({"public", "customer"}).updated), 6);

  const std::string url = Restore();
  auto restored = made_.Connect(url);
  const std::string without = Look(restored);
  const SalvageReport done = Salvage(url);
  const std::string with = Look(restored);
  EXPECT_NE(with, without);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict() + done.report.Skipped(), done.report.account.Changes());
  EXPECT_EQ(done.report.Skipped(), 1) << "the TRUNCATE";
  EXPECT_EQ(done.report.later, 0);
  EXPECT_EQ(done.report.orphans, 0);
  EXPECT_EQ(KindsIn(done.conflicts), (std::map<std::string, std::string>{{R"(customer {"id":"2"})", "column"},
                                                                         {R"(customer {"id":"33"})", "out_of_step"},
                                                                         {R"(customer {"id":"99"})", "migrations_row"},
                                                                         {R"(orders {"id":"15"})", "deleted_row"}}));

  // Beside the conflicts, and without what the migration did, both servers are the same.
  source_.Exec(
      "BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM public.customer WHERE id = 99;"
      "UPDATE public.customer SET balance = 100 WHERE id <= 5;"
      "DELETE FROM public.orders WHERE id = 15");
  source_.Exec("INSERT INTO public.orders (id, customer, total, code) VALUES (15, 15, 10, 'c15'), (16, 16, 10, 'c16')");
  EXPECT_EQ(with, Look(source_));
  source_.Exec("ROLLBACK");
  EXPECT_EQ(restored.Query("SELECT nextval('public.orders_id_seq') > 21").Text(0, 0), "t");

  // A person decides.
  base::Json file = base::Json::parse(base::ReadFile(done.conflicts));
  for (base::Json& conflict : file.at("conflicts")) {
    EXPECT_TRUE(conflict.at("take").is_null()) << "nothing is decided before somebody does";
    conflict["take"] = conflict.at("cause") == "column" ? base::Json({{"value", "105"}}) : base::Json("application");
    if (conflict.at("key").at("id") == "33") {
      EXPECT_EQ(conflict.at("group"), "out_of_step:public.customer.name");
      EXPECT_EQ(conflict.at("column"), "name");
      EXPECT_EQ(conflict.at("application"), "mcx");
      EXPECT_EQ(conflict.at("new_column"), "McX");
    }
  }
  EXPECT_EQ(Decide(url, {.file = file}).applied, 4);
  const salvage::Resolved again = Decide(url, {.file = file});
  EXPECT_EQ(again.applied, 0) << "once";
  EXPECT_EQ(again.before, 4);
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 31").Text(0, 0), "old");
  EXPECT_EQ(restored.Query("SELECT balance FROM public.customer WHERE id = 2").Text(0, 0), "105");
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 9").Text(0, 0), "changed 9 spoilt");
  EXPECT_EQ(restored.Query("SELECT name FROM public.customer WHERE id = 99").Text(0, 0), "built");
  EXPECT_EQ(restored.Query("SELECT total FROM public.orders WHERE id = 15").Text(0, 0), "1");

  // What applications write later is carried over as well, and what was decided is applied again.
  source_.Exec("UPDATE public.customer SET note = 'later'");
  journal::Journal journal = journal::Journal::Open(state_);
  const SalvageReport later = Salvage(LastRestored(state_, journal));
  EXPECT_EQ(later.report.conflicts, 0);
  EXPECT_EQ(later.report.decided, 4);
  restored.Exec("UPDATE public.customer SET note = (SELECT note FROM public.customer WHERE id = 1)");
  source_.Exec("UPDATE public.customer SET note = 'later'");
  EXPECT_EQ(restored.Query("SELECT note FROM public.customer WHERE id = 1").Text(0, 0), "later");
  EXPECT_EQ(restored
                .Query("SELECT string_agg(name || ' ' || balance, ', ' ORDER BY id) FROM public.customer WHERE id "
                       "IN (2, 9, 33, 99)")
                .Text(0, 0),
            "name 2 105, changed 9 spoilt 100, mcx 0, built 0");
}

// Rows that the restored server refuses are conflicts, and hold up no others. Killed in the middle, it ends in the same
// state; so it does where the restored server crashes behind the first of its tables, and what is staged is gone.
TEST_F(SalvageTest, GoesOnAfterAKill) {
  Migration("UPDATE public.orders SET code = 'free' WHERE id = 10");
  source_.Exec("INSERT INTO public.orders (customer, total, code) VALUES (1, 1, 'c10'), (2, 2, 'fine')");
  source_.Exec("UPDATE public.orders SET code = 'c2-' WHERE id = 2; UPDATE public.orders SET code = 'c2' WHERE id = 1");
  source_.Exec("UPDATE public.customer SET balance = balance + 1");
  const std::string url = Restore();
  for (const char* where : {"staging", "carrying over public.customer", "carrying over public.orders"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      SalvageOptions options = Options();
      options.tell = [&](const std::string& text) {
        if (text.starts_with(where)) ::raise(SIGKILL);
      };
      try {
        journal::Journal journal = journal::Journal::Open(state_);
        recover::Salvage(options, url, journal);
      } catch (const std::exception&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << where;
  }
  Crash(made_.workspace.path() / "restored", url);
  const SalvageReport done = Salvage(url);
  auto restored = made_.Connect(url);
  EXPECT_EQ(restored.Query("SELECT min(balance), max(balance) FROM public.customer").Text(0, 0), "101");
  EXPECT_EQ(
      restored.Query("SELECT string_agg(code, ' ' ORDER BY id) FROM public.orders WHERE id < 3 OR id > 20").Text(0, 0),
      "c2 c2- fine");
  EXPECT_EQ(KindsIn(done.conflicts), (std::map<std::string, std::string>{{R"(orders {"id":"21"})", "refused"}}));
  EXPECT_EQ(done.report.InConflict(), 1);
  EXPECT_EQ(done.report.Applied() + done.report.InConflict(), done.report.account.Changes());
}

// DDL since, TRUNCATE, large objects, unlogged tables, tables without a key.
TEST_F(SalvageTest, ListsWhatItCannotDo) {
  source_.Exec(
      "DROP TABLE public.mark; CREATE TABLE public.later(id int PRIMARY KEY); INSERT INTO public.later VALUES (1);"
      "CREATE INDEX of_others ON public.orders (total); ALTER TABLE public.entry ADD COLUMN note text;"
      "CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE public.mood AS ENUM ('fine');"
      "CREATE UNLOGGED TABLE public.cache(id int PRIMARY KEY); SELECT lo_create(4711)");
  source_.Exec("INSERT INTO public.cut VALUES (1); TRUNCATE public.cut");
  const auto not_in_the_stream =
      testing::IsSupersetOf({HasSubstr("public.cache is unlogged"), HasSubstr("public.later is in no publication"),
                             HasSubstr("public.keyless has no key"), HasSubstr("large objects")});
  EXPECT_THAT(CountLoss(Options()).uncovered, not_in_the_stream);
  const SalvageReport done = Salvage(Restore());
  EXPECT_THAT(done.uncovered, not_in_the_stream);
  EXPECT_THAT(done.uncovered, testing::Contains(HasSubstr("public.cut was rewritten or emptied")));
  EXPECT_EQ(done.report.account.tables.at({"public", "cut"}).skipped.begin()->first, "TRUNCATE is not repeated");
  EXPECT_THAT(done.unrepeated,
              UnorderedElementsAre("public.cache: the table is new", "public.mark: the table is gone",
                                   "public.later: the table is new", HasSubstr("public.orders: index of_others is new"),
                                   HasSubstr("public.entry: column note is new"), "function public.f(integer) is new",
                                   "type public.mood is new"));
}

class IdentityTest : public SalvageStory, public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Salvage, IdentityTest, testing::Values("DEFAULT", "FULL"),
                         [](const auto& param) { return std::string(param.param); });

// Of the migration's changes only those of rows that applications touched are staged, whatever key a row had then.
TEST_P(IdentityTest, StagesRowsThatApplicationsTouched) {
  source_.Exec(fmt::format("ALTER TABLE public.orders REPLICA IDENTITY {}", GetParam()));
  Migration("UPDATE public.customer SET balance = balance * 1000");
  Migration("UPDATE public.entry SET line = 'spoilt'");
  Migration("UPDATE public.orders SET total = 66 WHERE id > 6");
  Migration("UPDATE public.orders SET id = id + 1000 WHERE id IN (5, 6, 7)");
  source_.Exec("UPDATE public.customer SET name = 'changed' WHERE id = 1");
  source_.Exec("UPDATE public.orders SET total = 20 WHERE id = 1005");
  source_.Exec("UPDATE public.orders SET flag = false WHERE id = 1007");
  source_.Exec("UPDATE public.orders SET id = 2008 WHERE id = 8");
  Migration("UPDATE public.orders SET total = 88 WHERE id = 2008");
  source_.Exec("UPDATE public.orders SET flag = false WHERE id = 2008");
  const std::string url = Restore();
  auto restored = made_.Connect(url);
  const auto staged = [&] {
    return restored
        .Query(
            "SELECT string_agg(n, ' ') FROM (SELECT count(*)::text FROM switchback_salvage.change "
            "WHERE NOT application GROUP BY relation ORDER BY relation) AS x(n)")
        .Text(0, 0);
  };
  const SalvageReport done = Salvage(url);
  EXPECT_EQ(done.report.conflicts, 0);
  EXPECT_EQ(done.report.Applied(), 5);
  EXPECT_EQ(staged(), "1 6") << "customer 1; orders 5 and 6 once, 7 and 8 twice";

  source_.Exec("UPDATE public.customer SET name = 'later' WHERE id = 2");
  const SalvageReport later = Salvage(url);
  EXPECT_EQ(later.report.conflicts, 0) << base::ReadFile(later.conflicts);
  EXPECT_EQ(later.report.Applied(), 6);
  EXPECT_EQ(staged(), "2 6");
  EXPECT_EQ(restored
                .Query("SELECT string_agg(id || ' ' || name || ' ' || balance, ', ' ORDER BY id) FROM public.customer "
                       "WHERE id < 4")
                .Text(0, 0),
            "1 changed 100, 2 later 100, 3 name 3 100");
  EXPECT_EQ(restored
                .Query("SELECT string_agg(id || ' ' || total || ' ' || flag, ', ' ORDER BY id) FROM public.orders "
                       "WHERE id BETWEEN 5 AND 9 OR id > 20")
                .Text(0, 0),
            "5 20 true, 6 10 true, 7 10 false, 9 10 true, 2008 10 false");
}

// The server does not look at foreign keys while rows are carried over.
TEST_F(SalvageTest, TakesBackWhatLeavesARowThatRefersToNothing) {
  Migration("INSERT INTO public.customer (id, name) VALUES (99, 'of the migration')");
  Migration("UPDATE public.orders SET total = 1 WHERE id = 12");
  source_.Exec("UPDATE public.customer SET name = 'built' WHERE id = 99");
  source_.Exec("INSERT INTO public.orders (id, customer, total) VALUES (100, 99, 5), (101, 1, 7)");
  source_.Exec("UPDATE public.orders SET customer = 99, flag = false WHERE id = 13");
  source_.Exec("DELETE FROM public.orders WHERE id = 12; DELETE FROM public.customer WHERE id = 12");
  const std::string url = Restore();
  auto restored = made_.Connect(url);
  const auto orphans = [&] {
    return restored
        .Query(
            "SELECT count(*) FROM public.orders AS o WHERE NOT EXISTS (SELECT FROM public.customer WHERE id = "
            "o.customer)")
        .Int(0, 0);
  };
  const std::map<std::string, std::string> kinds = {{R"(customer {"id":"12"})", "foreign_key"},
                                                    {R"(customer {"id":"99"})", "migrations_row"},
                                                    {R"(orders {"id":"100"})", "foreign_key"},
                                                    {R"(orders {"id":"12"})", "changed_row"},
                                                    {R"(orders {"id":"13"})", "foreign_key"}};
  for (int time = 0; time < 2; ++time) {
    const SalvageReport done = Salvage(url);
    EXPECT_EQ(KindsIn(done.conflicts), kinds);
    EXPECT_EQ(done.report.orphans, 3);
    EXPECT_EQ(done.report.Applied(), 1) << "order 101";
    EXPECT_EQ(done.report.InConflict(), 5);
    EXPECT_EQ(done.report.tables.at({"public", "orders"}).updated, 0);
    EXPECT_EQ(orphans(), 0);
  }
  const std::string settled = Look(restored);
  EXPECT_THAT(settled, testing::HasSubstr("order 13 13 10"));

  // An order without its customer is refused, and so is a customer's deletion without that of the order.
  const base::Json file = ConflictsFile();
  const auto take = [&](const std::set<std::string>& keys) {
    base::Json some = file;
    for (base::Json& conflict : some.at("conflicts")) {
      if (keys.count(conflict.at("key").at("id")) > 0) conflict["take"] = "application";
    }
    return Decide(url, {.file = some});
  };
  const salvage::Resolved alone = take({"100"});
  EXPECT_EQ(alone.applied, 0);
  EXPECT_EQ(alone.refused, 1);
  EXPECT_EQ(alone.left, 4);
  EXPECT_EQ(take({"13"}).refused, 2) << "what was decided before is still refused";
  EXPECT_EQ(Look(restored), settled);
  for (const base::Json& conflict : ConflictsFile().at("conflicts")) {
    const bool refused = conflict.at("key").at("id") == "100" || conflict.at("key").at("id") == "13";
    EXPECT_EQ(conflict.at("take"), refused ? base::Json("application") : base::Json());
    EXPECT_EQ(conflict.contains("refused"), refused);
    if (refused) {
      EXPECT_THAT(conflict.at("why").get<std::string>(), HasSubstr("orders_customer_fkey"));
    }
  }
  // What depends on each other is taken together: with the customers, the orders that were decided before.
  const salvage::Resolved together = take({"12", "99"});
  EXPECT_EQ(together.applied, 5);
  EXPECT_EQ(together.refused + together.left, 0);
  EXPECT_EQ(orphans(), 0);
  EXPECT_EQ(
      restored.Query("SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM public.customer WHERE id IN (12, 99)")
          .Text(0, 0),
      "99 built");
  EXPECT_EQ(
      restored.Query("SELECT string_agg(customer::text, ' ' ORDER BY id) FROM public.orders WHERE id IN (12, 13, 100)")
          .Text(0, 0),
      "99 99");
}

}  // namespace
}  // namespace recover
