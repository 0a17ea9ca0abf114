#include "backup/found_command.h"

#include <fmt/core.h>

#include <array>
#include <sstream>
#include <vector>

namespace backup {
namespace {

std::vector<std::string> Words(const std::string& command) {
  std::istringstream stream(command);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// "--stanza=main" or "--stanza main".
std::string ValueOf(const std::vector<std::string>& words, const std::string& option) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with(option + "=")) return words[i].substr(option.size() + 1);
    if (words[i] == option && i + 1 < words.size()) return words[i + 1];
  }
  return "";
}

// "barman-wal-archive [OPTIONS] HOST SERVER %p", or a path .../SERVER/incoming/%f.
std::string BarmanServer(const std::string& command, const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "%p" && command.find("barman-wal-archive") != std::string::npos) return words[i - 1];
  }
  const std::size_t end = command.find("/incoming/");
  if (end == std::string::npos || end == 0) return "";
  const std::size_t begin = command.rfind('/', end - 1);
  return begin == std::string::npos ? "" : command.substr(begin + 1, end - begin - 1);
}

bool Has(const std::string& command, std::string_view word) { return command.find(word) != std::string::npos; }

constexpr std::array<std::string_view, 4> kCopies = {"cp", "rsync", "install", "scp"};

// Of a plain path on this machine, which no shell reads as anything else.
std::string TargetOf(const std::string& word) {
  const bool plain = word.starts_with('/') || word.starts_with("'/") || word.starts_with("\"/");
  const bool odd = word.find_first_of(":;|&<>()$`*?") != std::string::npos;
  return plain && !odd && (word.ends_with("/%f") || word.ends_with("/%f'") || word.ends_with("/%f\"")) ? word : "";
}

bool Copies(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::string program = word.substr(word.rfind('/') + 1);
    for (const std::string_view copy : kCopies) {
      if (program == copy) return true;
    }
  }
  return false;
}

}  // namespace

FoundCommand Recognise(const std::string& command) {
  using Tool = FoundCommand::Tool;
  const std::vector<std::string> words = Words(command);
  FoundCommand found{.tool = Tool::kOther, .name = "", .command = command};
  if (Has(command, kArchiveRefusal)) {
    found.tool = Tool::kSwitchback;
  } else if (Has(command, "pgbackrest")) {
    found.tool = Tool::kPgBackRest;
    found.name = ValueOf(words, "--stanza");
  } else if (Has(command, "barman")) {
    found.tool = Tool::kBarman;
    found.name = BarmanServer(command, words);
  } else if (Has(command, "wal-g") || Has(command, "wal-e")) {
    found.tool = Tool::kWalG;
  } else if (Copies(words)) {
    found.tool = Tool::kCopy;
    found.target = TargetOf(words.back());
  }
  return found;
}

std::string What(const FoundCommand& found) {
  const std::string of = found.name.empty() ? "" : fmt::format(" ({})", found.name);
  switch (found.tool) {
    case FoundCommand::Tool::kSwitchback:
      return "the server archives into another repository of switchback's";
    case FoundCommand::Tool::kPgBackRest:
      return "the server archives with pgBackRest" + of;
    case FoundCommand::Tool::kBarman:
      return "the server archives with Barman" + of;
    case FoundCommand::Tool::kWalG:
      return "the server archives with WAL-G";
    case FoundCommand::Tool::kCopy:
      return "the server archives by a copy into a folder";
    case FoundCommand::Tool::kOther:
      break;
  }
  return "the server archives with a command of its own";
}

std::string WhatFits(const FoundCommand& found) {
  const auto name = [&](const char* unknown) { return found.name.empty() ? std::string(unknown) : found.name; };
  if (found.tool == FoundCommand::Tool::kPgBackRest) {
    return fmt::format("`backup: {{provider: pgbackrest, stanza: {}, restored: PATH}}` in switchback.yaml uses it",
                       name("STANZA"));
  }
  if (found.tool == FoundCommand::Tool::kBarman) {
    return fmt::format("`backup: {{provider: barman, server: {}, restored: PATH}}` in switchback.yaml uses it",
                       name("SERVER"));
  }
  return "no provider reads what it archives, so both are served: switchback's command first, then the one that is "
         "there";
}

std::string Beside(const std::string& ours, const FoundCommand& other) {
  if (Has(other.command, "#") || Has(other.command, "\n")) return "";
  if (other.target.empty()) return fmt::format("( {} ) && ( {} )", ours, other.command);
  return fmt::format("( {} ) && ( ( {} ) || [ \"$(sha256sum <%p)\" = \"$(sha256sum <{})\" ] )", ours, other.command,
                     other.target);
}

bool Runs(const std::string& command, const std::string& ours) {
  return command == ours || command.starts_with("( " + ours + " ) && (");
}

}  // namespace backup
