#include "plan/order.h"

#include <gtest/gtest.h>

namespace plan {
namespace {

const pg::QualifiedName kTable{"public", "t"};

Step Doing(Accesses accesses) {
  Step step;
  step.accesses = std::move(accesses);
  return step;
}

TEST(Order, StandsWhereNothingIsShared) {
  EXPECT_TRUE(
      DisordersOf({Doing({Writes(2, Aspect::kShape, kTable, "a")}), Doing({Reads(1, Aspect::kShape, kTable, "b")}),
                   Doing({Reads(1, Aspect::kRows, kTable, "a")}), Doing({})})
          .empty());
}

TEST(Order, TwoThatOnlyReadMayChangePlaces) {
  EXPECT_TRUE(
      DisordersOf({Doing({Reads(2, Aspect::kRows, kTable)}), Doing({Reads(1, Aspect::kRows, kTable)})}).empty());
}

TEST(Order, AStatementAndItsOwnStepsAreOne) {
  EXPECT_TRUE(
      DisordersOf({Doing({Writes(1, Aspect::kRows, kTable)}), Doing({Reads(1, Aspect::kRows, kTable)})}).empty());
}

TEST(Order, AWriteThatComesBeforeAnEarlierReadIsNamedOnce) {
  const std::vector<Step> line = {Doing({Writes(2, Aspect::kRows, kTable)}),
                                  Doing({Reads(1, Aspect::kRows, kTable, "a")}),
                                  Doing({Reads(1, Aspect::kRows, kTable, "b")})};
  const auto found = DisordersOf(line);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].earlier.statement, 1);
  EXPECT_EQ(found[0].later.statement, 2);
  EXPECT_EQ(found[0].earlier_step, &line[1]);
  EXPECT_EQ(found[0].later_step, &line[0]);
  EXPECT_FALSE(found[0].severed);
}

TEST(Order, NobodyKnowsWhatTheUnknownDoes) {
  EXPECT_EQ(
      DisordersOf({Doing({Reads(2, Aspect::kType, {"", "mood"})}), Doing({Writes(1, Aspect::kAnything, {})})}).size(),
      1U);
  EXPECT_TRUE(DisordersOf({Doing({}), Doing({Writes(1, Aspect::kAnything, {})})}).empty());
}

TEST(Order, ASchemaIsAllThatIsInIt) {
  EXPECT_EQ(
      DisordersOf({Doing({Reads(2, Aspect::kName, kTable)}), Doing({Writes(1, Aspect::kName, {"public", ""})})}).size(),
      1U);
  EXPECT_TRUE(DisordersOf({Doing({Reads(2, Aspect::kName, kTable)}), Doing({Writes(1, Aspect::kName, {"other", ""})})})
                  .empty());
}

TEST(Order, WhatHangsOnWhatGoesIsNamedInAnyOrder) {
  const Access holds{1, Mode::kHold, {Aspect::kShape, kTable, "a"}};
  const Access ends{2, Mode::kEnd, {Aspect::kShape, kTable, "a"}};
  const auto found = DisordersOf({Doing({holds}), Doing({ends})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].severed);
  EXPECT_TRUE(DisordersOf({Doing({holds}), Doing({{2, Mode::kEnd, {Aspect::kShape, kTable, "b"}}})}).empty());
}

}  // namespace
}  // namespace plan
