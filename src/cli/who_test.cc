#include "cli/who.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/digest.h"
#include "base/file.h"
#include "base/process.h"

namespace cli {
namespace {

TEST(WhoAsks, NamesPersonJobAndCommit) {
  for (const char* name :
       {"SUDO_USER", "GITHUB_RUN_ID", "CI_JOB_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "CI"}) {
    ::unsetenv(name);
  }
  const auto root = std::filesystem::temp_directory_path() / ("who-" + base::RandomHex(6));
  const auto git = [&](std::vector<std::string> words) {
    std::vector<std::string> argv = {"git", "-C", root.string(), "-c", "user.name=n", "-c", "user.email=n@example.com"};
    argv.insert(argv.end(), words.begin(), words.end());
    return base::RunOrThrow({.argv = argv}).out;
  };
  base::MakeDirectories(root / "releases" / "r");
  base::WriteFile(root / "releases" / "r" / "change.sql", "SELECT 1;");
  base::Json who = WhoAsks(root / "releases" / "r");
  EXPECT_FALSE(who.at("user").get<std::string>().empty());
  EXPECT_FALSE(who.at("host").get<std::string>().empty());
  EXPECT_FALSE(who.contains("job"));
  EXPECT_FALSE(who.contains("commit"));
  git({"init", "-q"});
  git({"add", "."});
  git({"commit", "-q", "-m", "first"});
  who = WhoAsks(root / "releases" / "r");
  EXPECT_EQ(who.at("commit").get<std::string>() + "\n", git({"rev-parse", "HEAD"}));
  EXPECT_EQ(who.at("clean"), true);
  base::WriteFile(root / "elsewhere", "x");
  EXPECT_EQ(WhoAsks(root / "releases" / "r").at("clean"), true);
  base::WriteFile(root / "releases" / "r" / "change.sql", "SELECT 2;");
  EXPECT_EQ(WhoAsks(root / "releases" / "r").at("clean"), false);
  ::setenv("CI_JOB_URL", "https://ci.example.com/7", 1);
  EXPECT_EQ(WhoAsks(root).at("job"), "https://ci.example.com/7");
  ::unsetenv("CI_JOB_URL");
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace cli
