#include <gmock/gmock.h>

#include "journal/mirror.h"
#include "postgres_test.h"
#include "recover/unconverted.h"

namespace recover {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kRelease = "20261122-ages";

class UnconvertedTest : public test::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    connection_.emplace(Connect());
    journal::InstallSchema(*connection_);
    connection_->Exec(
        "CREATE TABLE public.\"us\"\"ers\" (\"I d\" int PRIMARY KEY, age text, \"new age\" int); "
        "INSERT INTO public.\"us\"\"ers\" SELECT g, 'n/a', NULL FROM generate_series(1, 5) AS g; "
        "CREATE FUNCTION public.why(text) RETURNS text LANGUAGE sql AS $$SELECT CASE WHEN $1 = 'n/a' THEN 'no' END$$");
    for (int id = 1; id <= 5; ++id) Note(id, "up");
    plan_.release = kRelease;
    plan::Step step;
    step.backfill = plan::Backfill{.table = {"public", "us\"ers"},
                                   .column = "new age",
                                   .pending = "true",
                                   .value = "1",
                                   .unconverted = "t.\"new age\" IS NULL AND public.why(t.age) IS NOT NULL",
                                   .unconverted_reason = "public.why(t.age)",
                                   .key = {"I d"}};
    plan_.steps = {step};
  }
  void Note(int id, const std::string& direction) {
    connection_->Query(
        "INSERT INTO switchback.unconverted VALUES ($1, $2, 'new age', jsonb_build_object('I d', $3::int), $4, 'no') "
        "ON CONFLICT (release, relation, \"column\", key) DO UPDATE SET direction = excluded.direction",
        {kRelease, pg::QualifiedName{"public", "us\"ers"}.Text(), std::to_string(id), direction});
  }
  std::vector<std::string> Keys(const plan::Plan* plan) {
    std::vector<std::string> keys;
    for (const Unconverted::Row& row : ReadUnconverted(*connection_, kRelease, plan).rows)
      keys.push_back(row.direction + row.key);
    return keys;
  }

  std::optional<pg::Connection> connection_;
  plan::Plan plan_;
};

TEST_F(UnconvertedTest, RowsThatWereCorrectedOrDeletedDoNotCount) {
  EXPECT_EQ(ReadUnconverted(*connection_, kRelease, &plan_).up, 5);
  connection_->Exec(
      "UPDATE public.\"us\"\"ers\" SET \"new age\" = 7 WHERE \"I d\" = 1; DELETE FROM public.\"us\"\"ers\" WHERE \"I "
      "d\" = 2; "
      "UPDATE public.\"us\"\"ers\" SET age = NULL WHERE \"I d\" = 3");
  Note(5, "down");
  const Unconverted found = ReadUnconverted(*connection_, kRelease, &plan_);
  EXPECT_EQ(found.count, 2);
  EXPECT_EQ(found.up, 1);
  EXPECT_THAT(Keys(&plan_), ElementsAre("up{\"I d\":4}", "down{\"I d\":5}"));
  EXPECT_EQ(Keys(nullptr).size(), 5U);
}

TEST_F(UnconvertedTest, ARowThatIsGoneCountsInNoDirection) {
  Note(4, "down");
  Note(5, "down");
  connection_->Exec("DELETE FROM public.\"us\"\"ers\" WHERE \"I d\" = 4");
  EXPECT_THAT(Keys(&plan_), ElementsAre("up{\"I d\":1}", "up{\"I d\":2}", "up{\"I d\":3}", "down{\"I d\":5}"));
}

// A note that is gone hides no row from those who are about to take its old value away.
TEST_F(UnconvertedTest, TheRowsAreAskedWhateverIsNoted) {
  connection_->Exec("DELETE FROM switchback.unconverted");
  EXPECT_EQ(ReadUnconverted(*connection_, kRelease, &plan_).up, 0);
  const Unconverted found = FindUnconverted(*connection_, plan_);
  EXPECT_EQ(found.up, 5);
  EXPECT_EQ(found.rows.at(0).reason, "no");
  connection_->Exec("UPDATE public.\"us\"\"ers\" SET age = NULL");
  EXPECT_EQ(FindUnconverted(*connection_, plan_).up, 0);
}

TEST_F(UnconvertedTest, WhereTheOldNameIsGoneTheNewColumnSpeaks) {
  connection_->Exec(
      "ALTER TABLE public.\"us\"\"ers\" RENAME COLUMN age TO retired; DROP FUNCTION public.why(text); "
      "UPDATE public.\"us\"\"ers\" SET \"new age\" = 7 WHERE \"I d\" < 5");
  EXPECT_THAT(Keys(&plan_), ElementsAre("up{\"I d\":5}"));
}

TEST_F(UnconvertedTest, ATableWithoutAKeyIsAskedAsAWhole) {
  plan_.steps[0].backfill->key.clear();
  connection_->Exec("UPDATE public.\"us\"\"ers\" SET \"new age\" = 7 WHERE \"I d\" < 5");
  EXPECT_EQ(Keys(&plan_).size(), 5U);
  connection_->Exec("UPDATE public.\"us\"\"ers\" SET \"new age\" = 7");
  EXPECT_THAT(Keys(&plan_), IsEmpty());
}

}  // namespace
}  // namespace recover
