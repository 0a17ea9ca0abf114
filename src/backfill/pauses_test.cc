#include "backfill/pauses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace backfill {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class PausesTest : public ::testing::Test {
 protected:
  base::Time At(int second) { return began_ + seconds(second); }

  const base::Time began_ = base::Now();
  std::vector<Pause> told_;
  Pauses pauses_{[this](const Pause& pause) { told_.push_back(pause); }};
  const Reason lag_{"replica_lag", "12 s behind"};
  const Reason disk_{"free_disk", "little is free"};
};

TEST_F(PausesTest, OnePauseIsToldOnceWithItsLength) {
  EXPECT_TRUE(pauses_.Note(lag_, At(0)));
  EXPECT_FALSE(pauses_.Note(Reason{"replica_lag", "14 s behind"}, At(3)));
  EXPECT_EQ(pauses_.Lasted(At(4)), seconds(4));
  EXPECT_TRUE(pauses_.Note(std::nullopt, At(5)));
  EXPECT_FALSE(pauses_.Note(std::nullopt, At(30)));
  EXPECT_TRUE(told_.empty());  // another one may follow
  pauses_.Note(std::nullopt, At(66));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].text, "14 s behind");
  EXPECT_EQ(told_[0].times, 1);
  EXPECT_EQ(told_[0].waited, seconds(5));
  EXPECT_EQ(told_[0].since, At(0));
  EXPECT_EQ(told_[0].until, At(5));
}

TEST_F(PausesTest, ThoseThatComeAndGoAreOne) {
  for (int i = 0; i < 100; ++i)
    pauses_.Note(i % 4 == 0 ? std::optional(lag_) : i % 4 == 1 ? std::optional(disk_) : std::nullopt, At(i));
  pauses_.End(At(100));
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[0].fact, "free_disk");
  EXPECT_EQ(told_[0].times, 25);
  EXPECT_EQ(told_[1].waited, seconds(25));
}

TEST_F(PausesTest, TheEndOfARunEndsThePause) {
  pauses_.Note(disk_, At(0));
  pauses_.End(At(7));
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].waited, seconds(7));
  pauses_.End(At(9));
  EXPECT_EQ(told_.size(), 1U);
}

}  // namespace
}  // namespace backfill
