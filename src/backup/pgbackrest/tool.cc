#include "backup/pgbackrest/tool.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "backup/programs.h"
#include "sandbox/server.h"

namespace backup::pgbackrest {
namespace {

struct NamedExit {
  int exit;
  std::string_view name;
};
// As pgBackRest's sources have them; the number never changes its meaning.
constexpr std::array kExits = {
    NamedExit{25, "assert"},
    NamedExit{26, "checksum"},
    NamedExit{27, "config"},
    NamedExit{28, "file-invalid"},
    NamedExit{29, "format"},
    NamedExit{30, "command-required"},
    NamedExit{31, "option-invalid"},
    NamedExit{32, "option-invalid-value"},
    NamedExit{37, "option-required"},
    NamedExit{38, "pg-running"},
    NamedExit{39, "protocol"},
    NamedExit{40, "path-not-empty"},
    NamedExit{41, "file-open"},
    NamedExit{42, "file-read"},
    NamedExit{43, "param-required"},
    NamedExit{44, "archive-mismatch"},
    NamedExit{45, "archive-duplicate"},
    NamedExit{46, "version-not-supported"},
    NamedExit{47, "path-create"},
    NamedExit{48, "command-invalid"},
    NamedExit{49, "host-connect"},
    NamedExit{50, "lock-acquire"},
    NamedExit{51, "backup-mismatch"},
    NamedExit{52, "file-sync"},
    NamedExit{53, "path-open"},
    NamedExit{54, "path-sync"},
    NamedExit{55, "file-missing"},
    NamedExit{56, "db-connect"},
    NamedExit{57, "db-query"},
    NamedExit{58, "db-mismatch"},
    NamedExit{60, "file-remove"},
    NamedExit{61, "path-remove"},
    NamedExit{62, "stop"},
    NamedExit{63, "term"},
    NamedExit{64, "file-write"},
    NamedExit{67, "feature-not-supported"},
    NamedExit{68, "archive-command-invalid"},
    NamedExit{69, "link-expected"},
    NamedExit{70, "link-destination"},
    NamedExit{72, "host-invalid"},
    NamedExit{73, "path-missing"},
    NamedExit{74, "file-move"},
    NamedExit{75, "backup-set-invalid"},
    NamedExit{76, "tablespace-map"},
    NamedExit{78, "link-map"},
    NamedExit{79, "file-close"},
    NamedExit{80, "db-missing"},
    NamedExit{81, "db-invalid"},
    NamedExit{82, "archive-timeout"},
    NamedExit{83, "file-mode"},
    NamedExit{87, "archive-disabled"},
    NamedExit{88, "file-owner"},
    NamedExit{89, "user-missing"},
    NamedExit{93, "file-exists"},
    NamedExit{94, "memory"},
    NamedExit{95, "crypto"},
    NamedExit{96, "param-invalid"},
    NamedExit{97, "path-close"},
    NamedExit{98, "file-info"},
    NamedExit{99, "json-format"},
    NamedExit{100, "kernel"},
    NamedExit{101, "service"},
    NamedExit{102, "execute"},
    NamedExit{103, "repo-invalid"},
    NamedExit{104, "command"},
    NamedExit{105, "access"},
    NamedExit{106, "clock"},
    NamedExit{122, "runtime"},
    NamedExit{124, "unhandled"},
    NamedExit{125, "unknown"},
};

base::Code CodeOf(base::Code code, const base::Finished& finished) {
  switch (finished.exit) {
    case kLockAcquire:
      return base::Code::kRepositoryBusy;
    case kArchiveTimeout:
      return base::Code::kArchiveStuck;
    case kArchiveCommandInvalid:
    case kArchiveDisabled:
      return base::Code::kArchiveOff;
    case kArchiveMismatch:
      return base::Code::kArchiveElsewhere;
    default:
      return SaysDiskFull(finished.err + finished.out) ? base::Code::kNoSpace : code;
  }
}

}  // namespace

Tool::Tool(Options options) : options_(std::move(options)), account_(sandbox::ServerAccount(options_.config)) {}

std::vector<std::string> Tool::Words(const std::string& command, const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {"pgbackrest", "--stanza=" + options_.stanza};
  if (!options_.config.empty()) words.push_back("--config=" + options_.config);
  // These three do their work in every repository, and refuse to be told of one.
  constexpr std::array<std::string_view, 3> kEverywhere = {"archive-push", "check", "stanza-create"};
  if (std::ranges::find(kEverywhere, command) == kEverywhere.end()) {
    words.push_back(fmt::format("--repo={}", options_.repository));
  }
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.push_back(command);
  return words;
}

base::Finished Tool::Run(const std::string& command, const std::vector<std::string>& arguments,
                         std::chrono::milliseconds deadline) const {
  std::vector<std::string> words = Words(command, {});
  // What archive-get and repo-ls are asked for stands behind the command's name.
  words.insert(words.end(), arguments.begin(), arguments.end());
  return base::Run(
      {.argv = words, .env = {{"LC_ALL", "C"}}, .pass = kEnvironment, .account = account_, .deadline = deadline});
}

std::string Tool::SettingLine(const std::string& command, const std::vector<std::string>& arguments,
                              const std::string& tail) const {
  std::string line;
  for (const std::string& word : Words(command, arguments)) {
    const bool plain = word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=/.") ==
                       std::string::npos;
    line += (plain ? word : ShellQuoteForServer(word)) + " ";
  }
  return line + tail;
}

std::string_view ExitName(int exit) {
  const auto found = std::ranges::find(kExits, exit, &NamedExit::exit);
  return found == kExits.end() ? "" : found->name;
}

base::Error Failure(base::Code code, const std::string& command, const base::Finished& finished) {
  const std::string_view name = ExitName(finished.exit);
  std::string said = finished.out + finished.err;
  while (!said.empty() && said.back() == '\n') said.pop_back();
  return base::Error(CodeOf(code, finished), fmt::format("pgbackrest {} failed with exit status {}{}", command,
                                                         finished.exit, name.empty() ? "" : fmt::format(" ({})", name)))
      .Detail(said)
      .Hint("The tool's own words stand in the detail: correct what they name, then run the command again.");
}

}  // namespace backup::pgbackrest
