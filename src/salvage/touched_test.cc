#include "salvage/touched.h"

#include <gtest/gtest.h>

#include <string>

namespace salvage {
namespace {

constexpr int kKeys = 20'000;

std::string KeyAt(int number) { return "5:" + std::to_string(100'000 + number); }

int TakenFor(const Touched& touched, std::int64_t table, int first) {
  int taken = 0;
  for (int i = first; i < first + kKeys; ++i) taken += touched.Has(table, KeyAt(i)) ? 1 : 0;
  return taken;
}

TEST(Touched, ForgetsNoKeyAndTakesFewOthersForItsOwn) {
  Touched touched(kKeys);
  for (int i = 0; i < kKeys; ++i) touched.Add(16'384, KeyAt(i));
  EXPECT_EQ(TakenFor(touched, 16'384, 0), kKeys);
  EXPECT_LT(TakenFor(touched, 16'384, kKeys), kKeys / 100);
  EXPECT_LT(TakenFor(touched, 16'385, 0), kKeys / 100);  // the same keys of another table
}

TEST(Touched, ForgetsNoKeyWhereThereAreMoreThanItWasMadeFor) {
  Touched touched(1);
  for (int i = 0; i < 10 * kKeys; ++i) touched.Add(1, KeyAt(i));
  for (int first = 0; first < 10 * kKeys; first += kKeys) EXPECT_EQ(TakenFor(touched, 1, first), kKeys);
}

}  // namespace
}  // namespace salvage
