#include "cli/progress.h"

#include <gtest/gtest.h>

namespace cli {
namespace {

run::Filling HalfWay() {
  return {.rows = 1200, .rows_per_s = 300, .blocks = 50, .all_blocks = 100, .left = std::chrono::seconds(4)};
}

TEST(Progress, SaysHowFarAndHowLong) {
  EXPECT_EQ(FillingText(HalfWay()), "1200 rows, 50 %, 300 rows a second; about 4 s left");
  run::Filling filling = HalfWay();
  filling.waits_for = "a replica is late";
  EXPECT_EQ(FillingText(filling), "1200 rows, 50 %; waits: a replica is late");
  filling = HalfWay();
  filling.pass = 2;
  EXPECT_EQ(FillingText(filling), "look 2 for rows that were left: 1200 rows, 50 %, 300 rows a second; about 4 s left");
}

TEST(Progress, ABarKeepsToItsLineAndSendsTheTerminalNoCommands) {
  EXPECT_EQ(FillingBar(HalfWay(), 200).substr(0, 26), "[############............]");
  run::Filling filling = HalfWay();
  filling.waits_for = "pid 7 (\x1b[2J\n) is idle";
  const std::string bar = FillingBar(filling, 300);
  EXPECT_EQ(bar.find('\x1b'), std::string::npos);
  EXPECT_EQ(bar.find('\n'), std::string::npos);
  EXPECT_EQ(FillingBar(filling, 40).size(), 39U);
  filling.all_blocks = 0;
  EXPECT_EQ(FillingBar(filling, 200).substr(0, 26), "[########################]");
}

TEST(Progress, AsJsonItIsOneObject) {
  plan::Step step;
  step.id = "migrate.1";
  run::Progress progress;
  progress.what = run::Progress::What::kBackfill;
  progress.step = &step;
  progress.filling = HalfWay();
  EXPECT_EQ(FillingJson(progress).dump(),
            "{\"all_blocks\":100,\"blocks\":50,\"left_ms\":4000,\"pass\":1,\"progress\":\"backfill\",\"rows\":1200,"
            "\"rows_per_s\":300,"
            "\"step\":\"migrate.1\",\"waits_for\":null}");
}

}  // namespace
}  // namespace cli
