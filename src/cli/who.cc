#include "cli/who.h"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/host.h"
#include "base/process.h"

namespace cli {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// As root by sudo, it is whoever called that.
std::string User() {
  if (const std::string behind = Variable("SUDO_USER"); !behind.empty()) return behind;
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? fmt::format("uid {}", ::geteuid()) : entry->pw_name;
}

std::string Job() {
  if (const std::string run = Variable("GITHUB_RUN_ID"); !run.empty()) {
    return fmt::format("{}/{}/actions/runs/{}", Variable("GITHUB_SERVER_URL"), Variable("GITHUB_REPOSITORY"), run);
  }
  constexpr std::array kAddresses = {"CI_JOB_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL"};
  for (const char* name : kAddresses) {
    if (const std::string address = Variable(name); !address.empty()) return address;
  }
  return Variable("CI").empty() ? "" : "CI";
}

std::optional<std::string> Git(const std::filesystem::path& directory, const std::vector<std::string>& words) {
  constexpr std::chrono::seconds kPatience{5};
  std::vector<std::string> argv = {"git", "-C", directory.string()};
  argv.insert(argv.end(), words.begin(), words.end());
  try {
    base::Finished git = base::Run({.argv = std::move(argv), .deadline = kPatience});
    if (git.exit != 0) return std::nullopt;
    return git.out.substr(0, git.out.find_last_not_of('\n') + 1);
  } catch (const base::Error&) {
    return std::nullopt;  // there is none, or it does not end
  }
}

}  // namespace

base::Json WhoAsks(const std::filesystem::path& release) {
  base::Json who = {{"user", User()}, {"host", base::HostName()}};
  if (const std::string job = Job(); !job.empty()) who["job"] = job;
  const std::optional<std::string> commit = Git(release, {"rev-parse", "HEAD"});
  if (!commit) return who;
  who["commit"] = *commit;
  if (const auto changed = Git(release, {"status", "--porcelain", "--", "."})) who["clean"] = changed->empty();
  return who;
}

}  // namespace cli
