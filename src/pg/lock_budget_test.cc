#include "pg/lock_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace pg {
namespace {

using Clock = LockBudget::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Interval {
  Clock::time_point begin;
  Clock::time_point end;
};

Clock::duration In(const std::vector<Interval>& waits, Clock::time_point begin, Clock::time_point end) {
  Clock::duration sum{0};
  for (const Interval& wait : waits) {
    sum += std::max(std::min(wait.end, end) - std::max(wait.begin, begin), Clock::duration(0));
  }
  return sum;
}

// The most of any window: one that begins with a wait, or ends with one.
Clock::duration Most(const std::vector<Interval>& waits, milliseconds window) {
  Clock::duration most{0};
  for (const Interval& wait : waits) {
    most = std::max({most, In(waits, wait.begin, wait.begin + window), In(waits, wait.end - window, wait.end)});
  }
  return most;
}

// An attempt that waits in several pieces, at any time while it runs; gives its end.
Clock::time_point Attempt(std::mt19937& random, milliseconds room, Clock::time_point begin,
                          std::vector<Interval>& waits, milliseconds& waited) {
  const auto any = [&](std::int64_t most) {
    return milliseconds(std::uniform_int_distribution<std::int64_t>(0, most)(random));
  };
  Clock::time_point now = begin;
  waited = milliseconds(0);
  for (int piece = 0; piece < 3; ++piece) {
    now += any(400);
    const milliseconds wait = any(3) == milliseconds(0) ? room - waited : any((room - waited).count());
    if (wait.count() > 0) waits.push_back({now, now + wait});
    waited += wait;
    now += wait;
  }
  return now + any(400);
}

TEST(LockBudget, NoWindowHasMoreThanIsAllowed) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto any = [&](int least, int most) {
      return milliseconds(std::uniform_int_distribution<int>(least, most)(random));
    };
    const milliseconds allowed = any(1, 6000);
    const milliseconds window = allowed + any(0, 60'000);
    LockBudget budget(allowed, window);
    std::vector<Interval> waits;
    Clock::time_point now{seconds(1'000'000)};
    for (int i = 0; i < 60; ++i) {
      const milliseconds wanted = any(1, 8000);
      const milliseconds until = budget.Until(wanted, now);
      ASSERT_LE(until, window);
      // What it says is enough, and nothing less would do.
      ASSERT_GE(budget.Room(now + until), std::min(wanted, allowed)) << seed;
      if (until.count() > 0) {
        ASSERT_LT(budget.Room(now + until - milliseconds(1)), std::min(wanted, allowed)) << seed;
      }
      if (any(0, 1).count() == 0) now += until;
      milliseconds waited{0};
      now = Attempt(random, budget.Room(now), now, waits, waited);
      budget.Spend(waited, now);
      now += any(0, 1) == milliseconds(0) ? any(0, 50) : any(0, 20'000);
    }
    ASSERT_LE(Most(waits, window), allowed) << seed;
    ASSERT_FALSE(waits.empty());
  }
}

TEST(LockBudget, WhatIsNeverSpentIsAlwaysThere) {
  LockBudget budget(seconds(6), seconds(60));
  const Clock::time_point now{seconds(1'000'000)};
  EXPECT_EQ(budget.Room(now), seconds(6));
  budget.Spend(seconds(2), now);
  EXPECT_EQ(budget.Room(now), seconds(4));
  EXPECT_EQ(budget.Until(seconds(4), now), milliseconds(0));
  EXPECT_EQ(budget.Until(seconds(6), now), seconds(60));
  EXPECT_EQ(budget.Until(seconds(9), now), seconds(60));
  EXPECT_EQ(budget.Room(now + seconds(60)), seconds(6));
}

TEST(LockBudget, AWaitForRoomIsToldOnceAndCanBeEnded) {
  LockBudget budget(milliseconds(100), milliseconds(300));
  int told = 0;
  const auto tell = [&](milliseconds) { ++told; };
  EXPECT_EQ(AwaitRoom(budget, seconds(2), tell, [] {}), milliseconds(100));
  EXPECT_EQ(told, 0);
  budget.Spend(milliseconds(100), Clock::now());
  EXPECT_EQ(AwaitRoom(budget, seconds(2), tell, [] {}), milliseconds(100));
  EXPECT_EQ(told, 1);
  budget.Spend(milliseconds(100), Clock::now());
  EXPECT_THROW(AwaitRoom(budget, seconds(2), tell, [] { throw 1; }), int);
}

}  // namespace
}  // namespace pg
