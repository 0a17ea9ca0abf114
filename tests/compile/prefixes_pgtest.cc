// A release may stop after any of its steps: from there the way back leads to the start, for each change of the lists.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "change_test.h"
#include "ground.h"
#include "statements.h"

namespace compile {
namespace {

constexpr std::size_t kParts = 8;

class PrefixesTest : public ChangeTest, public testing::WithParamInterface<std::size_t> {};

// The way back of a wider type says that it leaves it.
bool Widens(const std::string& change) { return change.find("COLUMN n TYPE varchar") != std::string::npos; }

TEST_P(PrefixesTest, LeadBackToTheStart) {
  std::vector<std::string> changes = kStatements;
  changes.insert(changes.end(), kChanges.begin(), kChanges.end());
  Ground ground(url());
  int equal = 0;
  for (std::size_t i = GetParam(); i < changes.size(); i += kParts) {
    if (Widens(changes[i])) continue;
    const Outcome outcome = ground.ThereAndBack(changes[i]);
    EXPECT_NE(outcome.kind, Outcome::Kind::kDiffers) << changes[i] << "\n" << outcome.text;
    EXPECT_NE(outcome.kind, Outcome::Kind::kStuck) << changes[i] << "\n" << outcome.text;
    if (outcome.kind == Outcome::Kind::kEqual) ++equal;
  }
  EXPECT_GE(equal, 8);
}

INSTANTIATE_TEST_SUITE_P(Part, PrefixesTest, testing::Range<std::size_t>(0, kParts));

}  // namespace
}  // namespace compile
