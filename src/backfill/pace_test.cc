#include "backfill/pace.h"

#include <gtest/gtest.h>

namespace backfill {
namespace {

using std::chrono::microseconds;

constexpr microseconds kTarget{200'000};

// What a batch takes on a table where a pending row costs so much, and a block without one a hundredth of a row's.
microseconds Cost(std::int64_t blocks, double rows_per_block, double row_us) {
  return microseconds(static_cast<std::int64_t>(static_cast<double>(blocks) * (rows_per_block * row_us + 2)));
}

TEST(Pace, StartsSmallAndFindsItsTarget) {
  Pace pace(kTarget, 50);
  EXPECT_EQ(pace.Blocks(), 128);
  microseconds last{0};
  for (int i = 0; i < 12; ++i) {
    const std::int64_t blocks = pace.Blocks();
    last = Cost(blocks, 50, 8);
    EXPECT_LT(last, microseconds(300'000)) << i;
    pace.Took(blocks, blocks * 50, last);
  }
  EXPECT_GT(last, microseconds(150'000));
}

TEST(Pace, AStretchWithoutPendingRowsMakesNoLongBatchAfterIt) {
  Pace pace(kTarget, 50);
  for (int i = 0; i < 20; ++i) {
    const std::int64_t blocks = pace.Blocks();
    pace.Took(blocks, 0, Cost(blocks, 0, 0));
  }
  EXPECT_LT(Cost(pace.Blocks(), 50, 20), microseconds(300'000));
}

TEST(Pace, TheFirstPriceCountsAtOnceAndALaterHiccupOnce) {
  Pace pace(kTarget, 50);
  pace.Took(128, 128 * 50, Cost(128, 50, 100));
  const std::int64_t settled = pace.Blocks();
  EXPECT_LT(Cost(settled, 50, 100), microseconds(250'000));
  pace.Took(settled, settled * 50, Cost(settled, 50, 5000));
  EXPECT_GE(pace.Blocks() * 2 + 1, settled);
  EXPECT_LE(pace.Blocks() * 2 - 1, settled);
  for (int i = 0; i < 6; ++i) pace.Took(pace.Blocks(), pace.Blocks() * 50, Cost(pace.Blocks(), 50, 100));
  EXPECT_GT(pace.Blocks() * 10, settled * 9);
}

TEST(Pace, WhatWasGivenUpIsHalved) {
  Pace pace(kTarget, 50);
  pace.GaveUp(10);
  EXPECT_LE(pace.Blocks(), 5);
  pace.GaveUp(1);
  EXPECT_EQ(pace.Blocks(), 1);
}

TEST(Pace, KeepsToALimitOfRows) {
  Pace pace(kTarget, 50);
  pace.Limit(500);
  EXPECT_EQ(pace.Blocks(), 10);
  pace.Limit(3);
  EXPECT_EQ(pace.Blocks(), 1);
}

TEST(Pace, ASmallerTargetMakesSmallerBatches) {
  Pace pace(kTarget / 10, 50);
  for (int i = 0; i < 12; ++i) {
    const std::int64_t blocks = pace.Blocks();
    EXPECT_LT(Cost(blocks, 50, 8), microseconds(30'000)) << i;
    pace.Took(blocks, blocks * 50, Cost(blocks, 50, 8));
  }
}

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr Rate::Clock::time_point kNow{seconds(1000)};

TEST(Rate, SpreadsTheRowsOfAllWorkers) {
  Rate rate(100, 1);
  EXPECT_EQ(rate.After(200, milliseconds(20), kNow), kNow + seconds(2));
  EXPECT_EQ(rate.After(100, milliseconds(20), kNow), kNow + seconds(3));
  EXPECT_EQ(rate.After(100, milliseconds(20), kNow + seconds(60)), kNow + seconds(61));
  Rate none(0, 1);
  EXPECT_EQ(none.After(1'000'000, milliseconds(20), kNow), kNow);
}

TEST(Rate, LetsAWorkerRestForItsShareOfTheTime) {
  Rate rate(0, 0.25);
  EXPECT_EQ(rate.After(1000, milliseconds(20), kNow), kNow + milliseconds(60));
  EXPECT_EQ(rate.After(0, milliseconds(400), kNow), kNow + milliseconds(1200));  // looking for rows is work too
  Rate both(100, 0.5);
  EXPECT_EQ(both.After(1, milliseconds(20), kNow), kNow + milliseconds(20));
  EXPECT_EQ(both.After(10, milliseconds(20), kNow), kNow + milliseconds(110));
}

}  // namespace
}  // namespace backfill
