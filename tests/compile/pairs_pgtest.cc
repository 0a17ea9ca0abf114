// Two statements, done by their plan, end as psql would have ended them, in schema and rows, or the plan refuses them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "change_test.h"
#include "ground.h"
#include "statements.h"

namespace compile {
namespace {

using ChangesTest = ChangeTest;

TEST_F(ChangesTest, EndAsPlainSqlEndsThemOrAreRefused) {
  Ground ground(url());
  int equal = 0;
  for (const std::string& change : kChanges) {
    const Outcome outcome = ground.Try(change);
    EXPECT_TRUE(outcome.kind == Outcome::Kind::kEqual || outcome.kind == Outcome::Kind::kRefused) << change << "\n"
                                                                                                  << outcome.text;
    if (outcome.kind == Outcome::Kind::kEqual) ++equal;
  }
  EXPECT_GE(equal, 30);
}

constexpr std::size_t kParts = 8;

class PairsTest : public ChangeTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(PairsTest, EndAsPlainSqlEndsThemOrAreRefused) {
  const char* wanted = std::getenv("SB_PAIRS");
  // A stride that has no common divisor with the number of statements walks through both of each pair.
  const std::size_t stride = wanted != nullptr && std::string(wanted) == "all" ? 1 : 59;
  const std::size_t count = kStatements.size();
  Ground ground(url());
  std::map<Outcome::Kind, int> seen;
  for (std::size_t pair = GetParam() * stride; pair < count * count; pair += kParts * stride) {
    const std::string change = kStatements[pair / count] + ";\n" + kStatements[pair % count] + ";\n";
    const Outcome outcome = ground.Try(change);
    ++seen[outcome.kind];
    EXPECT_NE(outcome.kind, Outcome::Kind::kDiffers) << change << outcome.text;
    EXPECT_NE(outcome.kind, Outcome::Kind::kStuck) << change << outcome.text;
  }
  RecordProperty("equal", seen[Outcome::Kind::kEqual]);
  RecordProperty("refused", seen[Outcome::Kind::kRefused]);
  fmt::print("{} equal, {} refused, {} that plain SQL refuses\n", seen[Outcome::Kind::kEqual],
             seen[Outcome::Kind::kRefused], seen[Outcome::Kind::kInvalid]);
  EXPECT_GE(seen[Outcome::Kind::kEqual], 5);
}

INSTANTIATE_TEST_SUITE_P(Part, PairsTest, testing::Range<std::size_t>(0, kParts));

}  // namespace
}  // namespace compile
