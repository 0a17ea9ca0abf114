#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "backfill/backfill.h"
#include "backfill/sampler.h"
#include "backfill/sql_text.h"
#include "base/error.h"
#include "journal/mirror.h"
#include "pg/transaction.h"
#include "postgres_test.h"

namespace backfill {
namespace {

const std::string kTable = "public.\"the orders\"";

class BackfillTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    connection_.emplace(Connect());
    journal::InstallSchema(*connection_);
    connection_->Exec(
        "CREATE TABLE " + kTable +
        " (id int, \"The Old\" text, \"The New\" text, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
        "CREATE TABLE public.low PARTITION OF " +
        kTable +
        " FOR VALUES FROM (0) TO (20000) WITH (fillfactor = 30);"
        "CREATE TABLE public.\"High\" PARTITION OF " +
        kTable +
        " FOR VALUES FROM (20000) TO (100000) PARTITION BY RANGE (id);"
        "CREATE TABLE public.\"Highest\" PARTITION OF public.\"High\" FOR VALUES FROM (20000) TO (100000);"
        "INSERT INTO " +
        kTable +
        " SELECT i, 'value ' || i FROM generate_series(1, 25000) AS i;"
        "UPDATE " +
        kTable + " SET \"The New\" = 'former' WHERE id = 7");
  }

  void TearDown() override {
    connection_.reset();
    PostgresTest::TearDown();
  }

  [[nodiscard]] Job MakeJob(const std::atomic<bool>* stop = nullptr) const {
    return {.connect = {.conninfo = url()},
            .release = "r",
            .step = "migrate.1",
            .backfill = backfill_,
            .search_path = "",
            .throttle = {.every = std::chrono::milliseconds(50), .workers = 3},
            .stop = stop,
            .begin = [](pg::Connection& connection) { EXPECT_TRUE(connection.InTransaction()); }};
  }

  std::int64_t Count(const std::string& where) {
    return connection_->Exec("SELECT count(*) FROM " + kTable + " AS t WHERE " + where).Int(0, 0);
  }

  std::optional<pg::Connection> connection_;
  plan::Backfill backfill_{.table = {"public", "the orders"},
                           .column = "The New",
                           .pending = "t.\"The New\" IS DISTINCT FROM upper(t.\"The Old\")",
                           .value = "upper(t.\"The Old\")",
                           .unconverted = {},
                           .unconverted_reason = {},
                           .key = {"id"}};
};

TEST_F(BackfillTest, FillsEveryLeafAndListsWhatItOverwrote) {
  EXPECT_EQ(Fill(MakeJob()).rows, 25'000);
  EXPECT_EQ(Count(backfill_.pending), 0);
  EXPECT_GE(connection_->Exec("SELECT count(DISTINCT relation) FROM switchback.backfill_cursor WHERE done").Int(0, 0),
            2);
  const auto replaced = connection_->Exec("SELECT relation, \"column\", key::text, dropped FROM switchback.replaced");
  ASSERT_EQ(replaced.rows(), 1);
  EXPECT_EQ(replaced.Text(0, 0), "public.\"the orders\"");
  EXPECT_EQ(replaced.Text(0, 2), "{\"id\": 7}");
  EXPECT_EQ(replaced.Text(0, 3), "former");
  EXPECT_EQ(Fill(MakeJob()).rows, 0);
}

TEST_F(BackfillTest, ACursorDecidesOnlyWhereToLook) {
  Fill(MakeJob());
  connection_->Exec("UPDATE " + kTable + " SET \"The New\" = NULL WHERE id % 1000 = 0");
  EXPECT_EQ(Fill(MakeJob()).rows, 25);
  EXPECT_EQ(Count(backfill_.pending), 0);
}

TEST_F(BackfillTest, StopsBetweenBatchesAndGoesOn) {
  const std::atomic<bool> stop{true};
  try {
    Fill(MakeJob(&stop));
    FAIL() << "it was not stopped";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kInterrupted);
  }
  EXPECT_EQ(Fill(MakeJob()).rows, 25'000);
}

TEST_F(BackfillTest, SaysWhenRowsDoNotStayFilled) {
  connection_->Exec("DELETE FROM " + kTable +
                    " WHERE id > 10;"
                    "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.\"The New\" := "
                    "'x'; RETURN NEW; END "
                    "$f$; CREATE TRIGGER spoil BEFORE UPDATE ON " +
                    kTable +
                    " FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION public.spoil();"
                    "ALTER TABLE public.low ENABLE ALWAYS TRIGGER spoil");
  backfill_.triggers = {"trigger spoil on public.\"the orders\""};
  try {
    Fill(MakeJob());
    FAIL() << "it thinks that it is done";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kBackfillStuck);
  }
  EXPECT_EQ(Count(backfill_.pending), 1);
}

TEST_F(BackfillTest, ListsRowsThatCannotBeConvertedInPlaceOfThoseListedBefore) {
  backfill_.unconverted = "t.id = 5 OR (t.id = 6 AND t.\"The New\" IS NULL)";
  backfill_.unconverted_reason = "'row ' || t.id";
  const auto list = [&] {
    pg::Transaction transaction(*connection_);
    ListUnconverted(*connection_, MakeJob());
    transaction.Commit();
    return connection_
        ->Exec("SELECT string_agg(reason || ' ' || direction, ', ' ORDER BY reason) FROM switchback.unconverted")
        .Text(0, 0);
  };
  EXPECT_EQ(list(), "row 5 up, row 6 up");
  connection_->Exec(
      "INSERT INTO switchback.unconverted VALUES ('r', 'public.\"the orders\"', 'The New', '{\"id\": 9}', 'down', "
      "'kept')");
  Fill(MakeJob());
  EXPECT_EQ(list(), "kept down, row 5 up");
}

// Rows of the applications move behind the cursors and into other partitions while they are pending.
TEST_F(BackfillTest, MissesNoRowWhileALoadUpdatesEveryOne) {
  connection_->Exec("ALTER TABLE " + kTable + " ADD COLUMN touched int NOT NULL DEFAULT 0");
  std::atomic<bool> filled = false;
  std::int64_t touched = 0;
  std::thread load([&] {
    auto application = Connect("load");
    for (int i = 0; !filled || i < 3; ++i) {
      application.SetLockTimeout(std::chrono::seconds(10));
      touched +=
          application.Exec("UPDATE " + kTable + " SET touched = touched + 1 WHERE id % 5 = " + std::to_string(i % 5))
              .affected();
      application.Exec("UPDATE " + kTable + " SET id = id + 50000 WHERE id = " + std::to_string(100 + i));
    }
  });
  std::int64_t rows = 0;
  EXPECT_NO_THROW(rows = Fill(MakeJob()).rows);
  filled = true;
  load.join();
  EXPECT_EQ(rows, 25'000);
  EXPECT_EQ(Count(backfill_.pending), 0);
  EXPECT_EQ(connection_->Exec("SELECT sum(touched) FROM " + kTable).Int(0, 0), touched);
}

TEST_F(BackfillTest, LeavesALockedRowForLaterAndFillsTheOthers) {
  connection_->Exec("UPDATE " + kTable + " SET \"The New\" = NULL WHERE id = 7");
  auto application = Connect("application");
  application.Exec("BEGIN; UPDATE " + kTable + " SET \"The Old\" = 'mine' WHERE id = 5");
  std::thread end([&] {
    for (int i = 0; i < 100 && Count(backfill_.pending) > 1; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(Count(backfill_.pending), 1);
    application.Exec("COMMIT");
  });
  EXPECT_EQ(Fill(MakeJob()).rows, 25'000);
  end.join();
  EXPECT_EQ(Count(backfill_.pending), 0);
  EXPECT_EQ(Count("id = 5 AND \"The New\" = 'MINE'"), 1);
}

TEST_F(BackfillTest, GoesOnWhereItsCursorsStand) {
  const std::atomic<bool> stop{true};
  EXPECT_THROW(Fill(MakeJob(&stop)), base::Error);  // the parts are laid out
  connection_->Exec(
      "UPDATE switchback.backfill_cursor SET next_block = end_block, done = true WHERE relation = 'public.low' AND "
      "part > 0");
  std::vector<std::int64_t> seen;
  Job job = MakeJob();
  job.rows_per_s = 20'000;
  std::set<int> passes;
  job.progress = [&](const Report& report) {
    seen.push_back(report.rows);
    passes.insert(report.pass);
  };
  EXPECT_EQ(Fill(job).rows, 25'000);  // what the cursors passed over is found by the last look
  EXPECT_FALSE(seen.empty());
  EXPECT_THAT(passes, testing::ElementsAre(1, 2)) << "a pass begins anew, and says so";
}

TEST_F(BackfillTest, FiresNoTriggerOfTheApplications) {
  connection_->Exec(
      "CREATE TABLE public.audit (id int); CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
      "INSERT INTO public.audit VALUES (NEW.id); RETURN NULL; END $f$;"
      "CREATE TRIGGER \"an audit\" AFTER UPDATE ON " +
      kTable + " FOR EACH ROW EXECUTE FUNCTION public.note()");
  EXPECT_EQ(Fill(MakeJob()).rows, 25'000);
  EXPECT_EQ(connection_->Exec("SELECT count(*) FROM public.audit").Int(0, 0), 0);
}

TEST_F(BackfillTest, RefusesByNameWhatItCannotSkipUnlessThePlanLetsIt) {
  connection_->Exec("DELETE FROM " + kTable +
                    " WHERE id > 10; CREATE TABLE public.audit (id int); CREATE FUNCTION public.note() RETURNS trigger "
                    "LANGUAGE plpgsql AS $f$ BEGIN "
                    "INSERT INTO public.audit VALUES (NEW.id); RETURN NULL; END $f$;"
                    "CREATE TRIGGER \"an audit\" AFTER UPDATE ON " +
                    kTable +
                    " FOR EACH ROW EXECUTE FUNCTION public.note();"
                    "CREATE TRIGGER mine AFTER UPDATE ON public.low FOR EACH ROW EXECUTE FUNCTION public.note();"
                    "CREATE TABLE public.parent (name text PRIMARY KEY);"
                    "INSERT INTO public.parent SELECT 'former' UNION SELECT upper(\"The Old\") FROM " +
                    kTable + "; ALTER TABLE " + kTable + " ADD FOREIGN KEY (\"The New\") REFERENCES public.parent");
  try {
    Fill(MakeJob());
    FAIL() << "it fires them";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kStepRefused);
    EXPECT_EQ(error.detail(), "trigger an audit on public.\"the orders\"\ntrigger mine on public.low");
  }
  backfill_.triggers = {"trigger an audit on public.\"the orders\"", "trigger mine on public.low"};
  EXPECT_EQ(Fill(MakeJob()).rows, 10);
  EXPECT_EQ(connection_->Exec("SELECT count(*) FROM public.audit").Int(0, 0), 20);
}

TEST_F(BackfillTest, WaitsWhileAPersonSaysSoAndTellsOfItOnce) {
  connection_->Exec("INSERT INTO switchback.pause (release, asked_by) VALUES ('r', 'ada@host')");
  Job job = MakeJob();
  std::vector<Pause> pauses;
  std::string waits_for;
  job.paused = [&](const Pause& pause) { pauses.push_back(pause); };
  job.progress = [&](const Report& report) {
    if (report.waits_for.empty() || !waits_for.empty()) return;
    waits_for = report.waits_for;
    const auto view = connection_->Exec(
        "SELECT bool_or(waits_for LIKE 'ada@host%'), sum(rows), min(paused_by) FROM switchback.progress");
    EXPECT_TRUE(view.Bool(0, 0));
    EXPECT_EQ(view.Int(0, 1), 0);
    EXPECT_EQ(view.Text(0, 2), "ada@host");
    connection_->Exec("DELETE FROM switchback.pause");
  };
  EXPECT_EQ(Fill(job).rows, 25'000);
  EXPECT_EQ(waits_for.substr(0, 8), "ada@host");
  ASSERT_EQ(pauses.size(), 1U);
  EXPECT_EQ(pauses[0].fact, "pause");
  EXPECT_EQ(pauses[0].times, 1);
}

TEST_F(BackfillTest, StopsWhenItWasHeldBackForTooLong) {
  Job job = MakeJob();
  job.throttle.latency = std::chrono::milliseconds(1);
  job.throttle.latency_query = "SELECT pg_sleep(0.1)";
  job.throttle.longest_pause = std::chrono::milliseconds(200);
  std::vector<Pause> pauses;
  job.paused = [&](const Pause& pause) { pauses.push_back(pause); };
  try {
    Fill(job);
    FAIL() << "it was not held back";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kBackfillHeld);
  }
  ASSERT_EQ(pauses.size(), 1U);
  EXPECT_EQ(pauses[0].fact, "latency");
  EXPECT_EQ(Count("\"The New\" IS NOT NULL"), 1);
}

TEST_F(BackfillTest, MeasuresWhatTheServerShows) {
  connection_->Exec("SELECT pg_create_physical_replication_slot('backfill_test', true)");
  Job job = MakeJob();
  job.slot = "backfill_test";
  job.throttle.slot_retained = 0;
  job.throttle.latency = std::chrono::milliseconds(1000);
  job.throttle.latency_query = "SELECT 1";
  auto application = Connect("application");
  application.Exec("BEGIN; LOCK TABLE public.low IN ACCESS SHARE MODE; SELECT pg_current_xact_id()");
  std::thread waiter([&] { Connect("waiter").Exec("BEGIN; LOCK TABLE public.low IN ACCESS EXCLUSIVE MODE"); });
  Sampler sampler(job);
  Facts facts;
  for (int i = 0; i < 100 && facts.lock_waiters.value_or(0) == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    facts = sampler.Sample({});
  }
  application.Exec("ROLLBACK");
  waiter.join();
  connection_->Exec("SELECT pg_drop_replication_slot('backfill_test')");
  EXPECT_EQ(facts.lock_waiters, 1);
  EXPECT_GT(facts.oldest_transaction.value_or(std::chrono::milliseconds(0)), std::chrono::milliseconds(0));
  EXPECT_NE(facts.oldest_session.find("(application)"), std::string::npos) << facts.oldest_session;
  EXPECT_TRUE(facts.slot_retained);
  EXPECT_TRUE(facts.free_disk);
  EXPECT_TRUE(facts.latency);
  EXPECT_FALSE(facts.archive_backlog);  // this server archives nothing
  EXPECT_FALSE(facts.growth);           // a small table
  EXPECT_EQ(sampler.Sample({}).lock_waiters, 0);
}

TEST_F(BackfillTest, ItsSqlPrepares) {
  for (const auto& [file, sql] : sql_text::kAll) EXPECT_NO_THROW(connection_->CheckPrepares(std::string(sql))) << file;
}

}  // namespace
}  // namespace backfill
