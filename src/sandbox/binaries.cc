#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "sandbox/server.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

// "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)" -> 15; 0 where the folder holds no server.
int MajorOf(const fs::path& directory) {
  const std::string program = (directory / "postgres").string();
  if (::access(program.c_str(), X_OK) != 0 || ::access((directory / "initdb").c_str(), X_OK) != 0) return 0;
  const auto version = base::Run({.argv = {program, "--version"}, .deadline = std::chrono::seconds(10)});
  const auto mark = version.out.find(") ");
  if (version.exit != 0 || mark == std::string::npos) return 0;
  int major = 0;
  std::from_chars(version.out.data() + mark + 2, version.out.data() + version.out.size(), major);
  return major;
}

std::vector<fs::path> Named() {
  std::vector<fs::path> found;
  const char* named = std::getenv("SWITCHBACK_PG_BINDIR");
  std::istringstream list(named == nullptr ? "" : named);
  for (std::string directory; std::getline(list, directory, ':');) {
    if (!directory.empty()) found.emplace_back(directory);
  }
  return found;
}

std::vector<fs::path> Installed() {
  std::vector<fs::path> found;
  try {
    auto said = base::Run({.argv = {"pg_config", "--bindir"}, .deadline = std::chrono::seconds(10)}).out;
    while (!said.empty() && said.back() == '\n') said.pop_back();
    if (!said.empty()) found.emplace_back(said);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kProcessStart) throw;
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored))
    found.push_back(entry.path() / "bin");
  return found;
}

}  // namespace

Binaries FindBinaries(std::optional<int> major) {
  for (const auto& directory : Named()) {
    const int found = MajorOf(directory);
    if (found > 0 && (!major || found == *major)) return {directory, found};
  }
  Binaries best;
  for (const auto& directory : Installed()) {
    const int found = MajorOf(directory);
    if (found > best.major && (!major || found == *major)) best = {directory, found};
  }
  if (best.major > 0) return best;
  if (!major) throw base::Error(base::Code::kNoBinaries, "no PostgreSQL server programs were found");
  throw base::Error(base::Code::kNoBinaries, fmt::format("no PostgreSQL {} server programs were found", *major))
      .Hint(fmt::format(
          "Install them (Debian: apt-get install postgresql-{}), or put their pg_config on PATH, or name their "
          "folder in SWITCHBACK_PG_BINDIR.",
          *major));
}

std::optional<base::Account> ServerAccount(const fs::path& owner_of) {
  if (!base::RunningAsRoot()) return std::nullopt;
  struct stat facts {};
  if (!owner_of.empty() && ::stat(owner_of.c_str(), &facts) == 0 && facts.st_uid != 0) {
    return base::Account{.name = fmt::format("uid {}", facts.st_uid), .uid = facts.st_uid, .gid = facts.st_gid};
  }
  for (const char* name : {"postgres", "nobody"}) {
    if (auto account = base::FindAccount(name)) return account;
  }
  throw base::Error(base::Code::kNoServerAccount, "there is no account that server programs can run as");
}

}  // namespace sandbox
