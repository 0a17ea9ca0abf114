#include "sandbox/workspace.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "sandbox/processes.h"
#include "sandbox/server.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "switchback-";
constexpr const char* kMarker = ".switchback-workspace.json";
constexpr std::size_t kLongestRoot = 60;  // a socket's path ends at 107 bytes

bool MayPass(const fs::path& directory, const std::optional<base::Account>& account) {
  struct stat facts {};
  if (::stat(directory.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return false;
  if (!account) return ::access(directory.c_str(), X_OK) == 0;
  if (facts.st_uid == account->uid) return (facts.st_mode & S_IXUSR) != 0;
  if (facts.st_gid == account->gid) return (facts.st_mode & S_IXGRP) != 0;
  return (facts.st_mode & S_IXOTH) != 0;
}

bool Suits(const fs::path& root, const std::optional<base::Account>& account) {
  if (!root.is_absolute() || root.string().size() > kLongestRoot || ::access(root.c_str(), W_OK | X_OK) != 0)
    return false;
  for (fs::path at = root; at.has_relative_path(); at = at.parent_path()) {
    if (!MayPass(at, account)) return false;
  }
  return true;
}

std::vector<fs::path> Roots() {
  std::vector<fs::path> roots;
  std::error_code error;
  if (const char* named = std::getenv("TMPDIR"); named != nullptr && *named != '\0') {
    if (fs::path real = fs::canonical(named, error); !error) roots.push_back(real);
  }
  if (fs::path real = fs::canonical("/tmp", error); !error && (roots.empty() || roots.front() != real))
    roots.push_back(real);
  return roots;
}

fs::path ChooseRoot(const std::optional<base::Account>& account) {
  for (const auto& root : Roots()) {
    if (Suits(root, account)) return root;
  }
  throw base::Error(base::Code::kFileWrite,
                    "there is no directory for temporary files that the server's account may enter")
      .Hint("Point TMPDIR at one.");
}

// In a folder where everyone may create things, only our own and the server account's directories count.
bool IsOurs(const fs::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) return false;
  const auto account = ServerAccount();
  return facts.st_uid == ::geteuid() || (account && facts.st_uid == account->uid);
}

std::optional<ProcessMark> ReadMarker(const fs::path& workspace) {
  const auto text = base::ReadFileIfExists(workspace / kMarker);
  if (!text) return std::nullopt;
  const auto json = base::ParseJson(*text, (workspace / kMarker).string());
  return ProcessMark{.pid = json.at("pid"),
                     .started = json.at("started"),
                     .boot = json.at("boot"),
                     .pid_namespace = json.at("pid_namespace")};
}

void ClaimFor(const fs::path& directory, const ProcessMark& mark) {
  const base::Json json = {
      {"pid", mark.pid}, {"started", mark.started}, {"boot", mark.boot}, {"pid_namespace", mark.pid_namespace}};
  base::WriteFile(directory / kMarker, json.dump());
}

void StopAndRemove(const fs::path& directory) {
  StopServersIn(directory);
  // The marker last: what is left half removed is still known for what it is.
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename() != kMarker) fs::remove_all(entry.path());
  }
  fs::remove_all(directory);
}

void SweepOne(const fs::path& path) {
  if (ReadMarker(path)) {
    if (RemoveAbandoned(path)) base::Debug("removed {}, which a process left behind", path.string());
    return;
  }
  // Kept, or being made just now, or its maker died before it wrote the marker; only the last one is empty for long.
  const bool old = fs::last_write_time(path) < fs::file_time_type::clock::now() - std::chrono::minutes(1);
  if (old && fs::is_empty(path)) fs::remove(path);
}

}  // namespace

void Claim(const fs::path& directory) { ClaimFor(directory, MarkOf(::getpid())); }

void Release(const fs::path& directory) {
  std::error_code ignored;
  fs::remove(directory / kMarker, ignored);
}

bool Abandoned(const fs::path& directory) {
  const auto mark = IsOurs(directory) ? ReadMarker(directory) : std::nullopt;
  return mark && Gone(*mark);
}

bool RemoveAbandoned(const fs::path& directory) {
  if (!Abandoned(directory)) return false;
  StopAndRemove(directory);
  return true;
}

Workspace::Workspace(const std::string& purpose) : Workspace(purpose, ::getpid()) {}

Workspace::Workspace(const std::string& purpose, int owner) : remove_(owner == ::getpid()) {
  const auto account = ServerAccount();
  const auto mark = MarkOf(owner);
  path_ = ChooseRoot(account) / fmt::format("{}{}-{}", kPrefix, purpose, base::RandomHex(4));
  if (::mkdir(path_.c_str(), 0700) != 0) {
    throw base::Error(base::Code::kFileWrite, "cannot make " + path_.string()).Detail(std::strerror(errno));
  }
  ClaimFor(path_, mark);
  if (account && ::lchown(path_.c_str(), account->uid, account->gid) != 0) {
    throw base::Error(base::Code::kFileWrite, "cannot give " + path_.string() + " to " + account->name)
        .Detail(std::strerror(errno));
  }
}

Workspace::Workspace(Workspace&& other) noexcept
    : path_(std::exchange(other.path_, fs::path())), remove_(std::exchange(other.remove_, false)) {}

Workspace::~Workspace() {
  if (!remove_) return;
  try {
    Remove(path_);
  } catch (const std::exception& error) {
    base::Warn("cannot remove {}: {}", path_.string(), error.what());
  }
}

void Workspace::Keep() {
  Release(path_);
  remove_ = false;
}

void Workspace::Remove(const fs::path& path) {
  if (!IsOurs(path) || path.filename().string().rfind(kPrefix, 0) != 0) {
    throw base::Error(base::Code::kInternal, path.string() + " is no workspace of switchback's");
  }
  StopAndRemove(path);
}

void Workspace::SweepStale() {
  for (const auto& root : Roots()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root, ignored)) {
      if (entry.path().filename().string().rfind(kPrefix, 0) != 0 || !IsOurs(entry.path())) continue;
      try {
        SweepOne(entry.path());
      } catch (const std::exception& error) {
        base::Warn("cannot clear {}: {}", entry.path().string(), error.what());
      }
    }
  }
}

}  // namespace sandbox
