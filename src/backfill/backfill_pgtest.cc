#include <gtest/gtest.h>

#include "backfill/backfill.h"
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
            .workers = 3,
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
  EXPECT_EQ(Fill(MakeJob()), 25'000);
  EXPECT_EQ(Count(backfill_.pending), 0);
  EXPECT_GE(connection_->Exec("SELECT count(DISTINCT relation) FROM switchback.backfill_cursor WHERE done").Int(0, 0),
            2);
  const auto replaced = connection_->Exec("SELECT relation, \"column\", key::text, dropped FROM switchback.replaced");
  ASSERT_EQ(replaced.rows(), 1);
  EXPECT_EQ(replaced.Text(0, 0), "public.\"the orders\"");
  EXPECT_EQ(replaced.Text(0, 2), "{\"id\": 7}");
  EXPECT_EQ(replaced.Text(0, 3), "former");
  EXPECT_EQ(Fill(MakeJob()), 0);
}

TEST_F(BackfillTest, ACursorDecidesOnlyWhereToLook) {
  Fill(MakeJob());
  connection_->Exec("UPDATE " + kTable + " SET \"The New\" = NULL WHERE id % 1000 = 0");
  EXPECT_EQ(Fill(MakeJob()), 25);
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
  EXPECT_EQ(Fill(MakeJob()), 25'000);
}

TEST_F(BackfillTest, SaysWhenRowsDoNotStayFilled) {
  connection_->Exec("DELETE FROM " + kTable +
                    " WHERE id > 10;"
                    "CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.\"The New\" := "
                    "'x'; RETURN NEW; END "
                    "$f$; CREATE TRIGGER spoil BEFORE UPDATE ON " +
                    kTable + " FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION public.spoil()");
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
      "SELECT switchback.note_unconverted('r', 'public.\"the orders\"', 'The New', '{\"id\": 9}', 'down', 'kept')");
  Fill(MakeJob());
  EXPECT_EQ(list(), "kept down, row 5 up");
}

TEST_F(BackfillTest, ItsSqlPrepares) {
  for (const auto sql : {sql_text::kLeaves, sql_text::kCursors, sql_text::kHasCursors, sql_text::kAddCursor,
                         sql_text::kMoveCursor, sql_text::kForgetCursors}) {
    connection_->CheckPrepares(std::string(sql));
  }
}

}  // namespace
}  // namespace backfill
