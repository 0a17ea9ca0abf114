#include "backup/programs.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace backup {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void FailDirectory(const fs::path& directory) {
  const int error = errno;
  throw base::Error(error == EEXIST ? base::Code::kDirectoryExists : base::Code::kRepositoryUnusable,
                    fmt::format("cannot make the directory {}", directory.string()))
      .Detail(std::strerror(error));
}

void GiveTo(const fs::path& path, const std::optional<base::Account>& account) {
  if (account && lchown(path.c_str(), account->uid, account->gid) != 0) FailDirectory(path);
}

}  // namespace

std::string ShellQuote(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string ShellQuoteForServer(const std::string& text) {
  std::string quoted = ShellQuote(text);
  for (std::size_t at = 0; (at = quoted.find('%', at)) != std::string::npos; at += 2) quoted.insert(at, 1, '%');
  return quoted;
}

// Parents are the account's as well: it must be able to enter what lies below them.
void MakeDirectories(const fs::path& directory, const std::optional<base::Account>& account) {
  if (directory.empty() || fs::is_directory(directory)) return;
  MakeDirectories(directory.parent_path(), account);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) FailDirectory(directory);
  GiveTo(directory, account);
}

void MakeNewDirectory(const fs::path& directory, const std::optional<base::Account>& account) {
  MakeDirectories(directory.parent_path(), account);
  if (mkdir(directory.c_str(), 0700) != 0) FailDirectory(directory);
  GiveTo(directory, account);
}

std::string RunControlData(const fs::path& data, const sandbox::Binaries& binaries,
                           const std::optional<base::Account>& account) {
  return base::RunOrThrow({.argv = {binaries.Program("pg_controldata"), data.string()},
                           .env = {{"LC_ALL", "C"}},
                           .account = account})
      .out;
}

std::string ControlData(const std::string& output, const std::string& name) {
  const std::size_t at = output.find(name + ":");
  // It does not look at whether it could write.
  if (at == std::string::npos) {
    throw base::Error(base::Code::kProcessFailed, "what pg_controldata wrote ends before \"" + name + "\"");
  }
  const std::size_t value = output.find_first_not_of(' ', at + name.size() + 1);
  return output.substr(value, output.find('\n', value) - value);
}

bool SaysDiskFull(const std::string& output) {
  // The last is the server's hint where a write ended short.
  constexpr std::array kWords = {"No space left on device", "Disk quota exceeded", "File too large",
                                 "Check free disk space"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const char* words) { return output.find(words) != std::string::npos; });
}

}  // namespace backup
