#include "proof/invariants.h"

#include <gtest/gtest.h>

namespace proof {
namespace {

TEST(SameValue, NumbersAreComparedAsNumbers) {
  EXPECT_TRUE(SameValue(0, "0"));
  EXPECT_TRUE(SameValue(0, "0.00"));
  EXPECT_TRUE(SameValue(0, "-0"));
  EXPECT_TRUE(SameValue(2.5, "2.50"));
  EXPECT_TRUE(SameValue(-12, "-012.0"));
  EXPECT_FALSE(SameValue(0, "1"));
  EXPECT_FALSE(SameValue(0, "0.001"));
  EXPECT_FALSE(SameValue(1, "10"));
  EXPECT_FALSE(SameValue(1, "-1"));
  EXPECT_FALSE(SameValue(0, ""));
  EXPECT_FALSE(SameValue(0, "NaN"));
  EXPECT_TRUE(SameValue(std::int64_t{9007199254740993}, "9007199254740993"));
  EXPECT_FALSE(SameValue(std::int64_t{9007199254740993}, "9007199254740992"));
}

TEST(SameValue, TextAndNullAreExact) {
  EXPECT_TRUE(SameValue("0.00", "0.00"));
  EXPECT_FALSE(SameValue("0.00", "0"));
  EXPECT_TRUE(SameValue(true, "t"));
  EXPECT_FALSE(SameValue(true, "f"));
  EXPECT_TRUE(SameValue(nullptr, std::nullopt));
  EXPECT_FALSE(SameValue(nullptr, "0"));
  EXPECT_FALSE(SameValue(0, std::nullopt));
  EXPECT_FALSE(SameValue("", std::nullopt));
}

}  // namespace
}  // namespace proof
