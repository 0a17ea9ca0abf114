#include "proof/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace proof {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const base::Time kStart = base::ParseTime("2026-03-01T12:00:00.000000Z");

release::RollbackCondition Condition(const std::string& lasting) {
  return {.name = "errors", .sql = "SELECT 1", .prometheus = "", .max = 0.5, .duration = lasting, .then = "undo"};
}
Answer Value(const std::string& text) { return {.value = text, .error = ""}; }

TEST(Conditions, FireAtOnceWithoutADuration) {
  Conditions conditions;
  EXPECT_FALSE(conditions.Judge(Condition(""), Value("0.5"), kStart).fired) << "the limit itself is allowed";
  const ConditionStanding standing = conditions.Judge(Condition(""), Value("0.51"), kStart);
  EXPECT_TRUE(standing.fired);
  EXPECT_EQ(standing.above_since, kStart);
  EXPECT_EQ(standing.then, "undo");
}

TEST(Conditions, FireWhenTheyWereAboveForSoLongWithoutABreak) {
  Conditions conditions;
  const auto look = [&](const char* value, base::Time at) {
    return conditions.Judge(Condition("2m"), Value(value), at);
  };
  EXPECT_FALSE(look("1", kStart).fired);
  EXPECT_FALSE(look("1e2", kStart + seconds(119)).fired);
  EXPECT_FALSE(look("0", kStart + seconds(119)).above_since);
  EXPECT_FALSE(look("1", kStart + minutes(3)).fired) << "it counts anew";
  EXPECT_TRUE(look("1", kStart + minutes(5)).fired);
}

TEST(Conditions, AnAnswerThatIsMissingNeitherFiresNorEndsTheCount) {
  Conditions conditions;
  conditions.Judge(Condition("2m"), Value("1"), kStart);
  const ConditionStanding unknown = conditions.Judge(
      Condition("2m"), {.value = std::nullopt, .error = "relation \"orders\" does not exist"}, kStart + minutes(2));
  EXPECT_FALSE(unknown.fired);
  EXPECT_EQ(unknown.above_since, kStart);
  EXPECT_EQ(unknown.error, "relation \"orders\" does not exist");
  EXPECT_TRUE(conditions.Judge(Condition("2m"), Value("1"), kStart + minutes(3)).fired);
}

TEST(Conditions, WhatIsNoNumberIsNoAnswer) {
  Conditions conditions;
  for (const char* text : {"many", "1 of 2", "NaN", ""}) {
    const ConditionStanding standing = conditions.Judge(Condition(""), Value(text), kStart);
    EXPECT_FALSE(standing.fired) << text;
    EXPECT_THAT(standing.error, testing::EndsWith("ought to give a number")) << text;
  }
  EXPECT_THAT(conditions.Judge(Condition(""), {.value = std::nullopt, .error = ""}, kStart).error,
              testing::HasSubstr("NULL"));
  for (const char* text : {"Infinity", "1e400", "+12"}) {
    EXPECT_TRUE(conditions.Judge(Condition(""), Value(text), kStart).fired) << text;
  }
}

}  // namespace
}  // namespace proof
