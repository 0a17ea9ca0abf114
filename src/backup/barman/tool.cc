#include "backup/barman/tool.h"

#include <fmt/core.h>

#include "backup/programs.h"

namespace backup::barman {
namespace {

// With --format json, what is for people stands in lists.
std::string Said(const base::Finished& finished) {
  std::string said;
  const base::Json json = base::Json::parse(finished.out, nullptr, false);
  if (json.is_object()) {
    for (const char* kind : {"_EXCEPTION", "_ERROR", "_WARNING", "_INFO"}) {
      for (const base::Json& line : json.value(kind, base::Json::array())) said += line.get<std::string>() + "\n";
    }
  } else {
    said = finished.out;
  }
  said += finished.err;
  while (!said.empty() && said.back() == '\n') said.pop_back();
  return said;
}

}  // namespace

std::vector<std::string> Tool::Words() const {
  std::vector<std::string> words = {"barman"};
  if (!options_.config.empty()) words.insert(words.end(), {"--config", options_.config});
  return words;
}

base::Finished Tool::Run(const std::string& command, const std::vector<std::string>& flags,
                         const std::vector<std::string>& after, std::chrono::milliseconds deadline) const {
  std::vector<std::string> words = Words();
  words.insert(words.end(), {"--format", "json", command});
  words.insert(words.end(), flags.begin(), flags.end());
  words.push_back(options_.server);
  words.insert(words.end(), after.begin(), after.end());
  // The account may have no right to enter the directory that this process stands in.
  return base::Run(
      {.argv = words, .env = {{"LC_ALL", "C.UTF-8"}}, .pass = kEnvironment, .cwd = "/", .deadline = deadline});
}

std::optional<std::string> Tool::Segment(const std::string& segment) const {
  std::vector<std::string> words = Words();
  words.insert(words.end(), {"get-wal", options_.server, segment});
  base::Finished finished =
      base::Run({.argv = words, .env = {{"LC_ALL", "C.UTF-8"}}, .pass = kEnvironment, .cwd = "/"});
  if (finished.exit != 0) return std::nullopt;
  return std::move(finished.out);
}

std::string Tool::RestoreLine() const {
  std::vector<std::string> words = Words();
  words.insert(words.end(), {"get-wal", options_.server});
  std::string line = "LC_ALL=C.UTF-8";
  for (const std::string& word : words) line += " " + ShellQuoteForServer(word);
  return line + " %f >\"%p\"";
}

base::Error Failure(base::Code code, const std::string& command, const base::Finished& finished) {
  const std::string said = Said(finished);
  const bool busy = said.find("Another backup process is running") != std::string::npos ||
                    said.find("Another process is holding") != std::string::npos;
  return base::Error(busy                 ? base::Code::kRepositoryBusy
                     : SaysDiskFull(said) ? base::Code::kNoSpace
                                          : code,
                     fmt::format("barman {} failed with exit status {}", command, finished.exit))
      .Detail(said)
      .Hint("The tool's own words stand in the detail: correct what they name, then run the command again.");
}

}  // namespace backup::barman
