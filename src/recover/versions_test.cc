#include "recover/versions.h"

#include <gtest/gtest.h>

namespace recover {
namespace {

TEST(Versions, ANameIsItselfOrABeginning) {
  EXPECT_TRUE(MatchesName("web-1.9.0", "web-1.9.0"));
  EXPECT_FALSE(MatchesName("web-1.9.01", "web-1.9.0"));
  EXPECT_TRUE(MatchesName("web-1.9.0-a7", "web-1.9*"));
  EXPECT_FALSE(MatchesName("web-1.8", "web-1.9*"));
}

TEST(Versions, WhichOnesMustBeGoneIsSaid) {
  release::Release release;
  EXPECT_EQ(NewVersions(release), "the new version of the applications");
  EXPECT_FALSE(NewVersionsNamed(release));
  release.applications["jobs"].after = {"7", ""};
  release.applications["web"].before = {"1.8.2", "", "web"};
  EXPECT_FALSE(NewVersionsNamed(release));
  release.applications["web"].after = {"1.9.0", "", "web-1.9*"};
  EXPECT_EQ(NewVersions(release), "jobs 7 and web 1.9.0");
  EXPECT_TRUE(NewVersionsNamed(release));
}

}  // namespace
}  // namespace recover
