#include "base/long_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "base/text.h"

namespace base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::EndsWith;
using testing::IsEmpty;
using testing::StartsWith;

TEST(MovingRate, TellsTheRateOfTheLastWhileAndNotOfAll) {
  MovingRate rate(seconds(30));
  const MovingRate::Clock::time_point begin{};
  EXPECT_EQ(rate.PerSecond(), 0);
  EXPECT_FALSE(rate.Left(100).has_value());
  rate.Note(begin, 0);
  rate.Note(begin + seconds(10), 10'000);
  EXPECT_EQ(rate.PerSecond(), 1000);
  EXPECT_EQ(rate.Left(12'000), seconds(2));
  // What was fast before is forgotten.
  for (int i = 2; i <= 6; ++i) rate.Note(begin + seconds(10 * i), 10'000 + 100 * (i - 1));
  EXPECT_EQ(rate.PerSecond(), 10);
  EXPECT_EQ(rate.Left(10'600), seconds(10));
  EXPECT_FALSE(rate.Left(10'000).has_value()) << "more than was thought";
}

TEST(MovingRate, OfWhatStandsStillNothingIsLeftToSay) {
  MovingRate rate(seconds(30));
  const MovingRate::Clock::time_point begin{};
  for (int i = 0; i < 10; ++i) rate.Note(begin + seconds(10 * i), 7);
  EXPECT_EQ(rate.PerSecond(), 0);
  EXPECT_FALSE(rate.Left(100).has_value());
}

class LongWorkTest : public testing::Test {
 protected:
  LongWorkTest() { LongWork::TellEvery(milliseconds(0)); }
  ~LongWorkTest() override { LongWork::TellEvery(seconds(10)); }

  std::function<void(const std::string&)> Collect() {
    return [this](const std::string& line) {
      const std::scoped_lock lock(mutex_);
      lines_.push_back(line);
    };
  }
  std::vector<std::string> Lines() {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }
  // The first line that begins so.
  std::string Await(const std::string& beginning) {
    for (;;) {
      for (const std::string& line : Lines()) {
        if (line.starts_with(beginning)) return line;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(LongWorkTest, TellsHowFarItIsWhileItWorksAndThatItIsDone) {
  {
    LongWork work("hashing", {.unit = LongWork::Unit::kRows, .tell = Collect()});
    EXPECT_THAT(Await("hashing: for "), EndsWith("s")) << "nothing was counted yet";
    work.At(1500, 3000);
    Await("hashing: 1500 of 3000 rows");
    work.Next("comparing");
    EXPECT_THAT(Await("comparing: for "), EndsWith("s"));
    work.At(7);
    Await("comparing: 7 rows");
  }
  EXPECT_THAT(Lines().back(), StartsWith("comparing: done after "));
}

TEST(LongWorkText, SaysHowFarHowFastAndHowLong) {
  using Unit = LongWork::Unit;
  MovingRate rate(seconds(30));
  const MovingRate::Clock::time_point begin{};
  EXPECT_EQ(LongWork::Text(Unit::kRows, {.done = 7}, rate), "7 rows");
  rate.Note(begin, 40'000);
  rate.Note(begin + seconds(10), 120'000);
  EXPECT_EQ(LongWork::Text(Unit::kRows, {.done = 120'000, .of = 2'000'000, .estimate = true}, rate),
            "120000 of about 2000000 rows, 8000 rows a second; about 3 min 55 s left");
  EXPECT_EQ(LongWork::Text(Unit::kRows, {.done = 120'000, .of = 120'001}, rate),
            "120000 of 120001 rows, 8000 rows a second");
  EXPECT_EQ(LongWork::Text(Unit::kBytes, {.done = 120'000, .of = 200'000}, rate),
            "117 kB of 195 kB, 7.8 kB a second; about 10 s left");
}

TEST_F(LongWorkTest, AsksHowFarItIs) {
  const auto look = [] {
    return LongWork::Reached{.done = 3 << 20, .of = 6 << 20, .estimate = true, .more = "42 tables"};
  };
  const LongWork work("copying", {.unit = LongWork::Unit::kBytes, .look = look, .tell = Collect()});
  EXPECT_THAT(Await("copying: "), AllOf(StartsWith("copying: 3.0 MB of about 6.0 MB"), EndsWith("; 42 tables")));
}

TEST_F(LongWorkTest, GoesOnWhereNobodyCanTell) {
  const auto look = []() -> std::optional<LongWork::Reached> { throw std::runtime_error("no"); };
  const LongWork work("copying", {.unit = LongWork::Unit::kBytes, .look = look, .tell = Collect()});
  Await("copying: for ");
}

TEST_F(LongWorkTest, OfWhatFailsItDoesNotSayThatItIsDone) {
  try {
    const LongWork work("hashing", {.tell = Collect()});
    Await("hashing: for ");
    throw std::runtime_error("failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_THAT(Lines().back(), StartsWith("hashing: for "));
}

TEST_F(LongWorkTest, WhatIsShortIsNotTold) {
  LongWork::TellEvery(std::chrono::hours(1));
  { const LongWork work("hashing", {.tell = Collect()}); }
  EXPECT_THAT(Lines(), IsEmpty());
}

TEST(FormatBytes, InTheUnitThatFits) {
  EXPECT_EQ(FormatBytes(340), "340 bytes");
  EXPECT_EQ(FormatBytes(1'200'000), "1.1 MB");
  EXPECT_EQ(FormatBytes(std::int64_t{17} << 30), "17 GB");
}

}  // namespace
}  // namespace base
