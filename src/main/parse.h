#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "cli/command.h"

// The command line, from the table of commands. CLI11 is included in parse.cc only.
namespace parse {

struct CommandLine {
  enum class Asked { kRun, kHelp, kVersion };
  Asked asked = Asked::kRun;
  const cli::Command* command = nullptr;  // null: help of the program as a whole, or none was named
  cli::Invocation invocation;
  base::LogLevel log_level = base::LogLevel::kInfo;
};

// `words` is argv without the program's name. Throws kUsage; then WantsJson says how to print it.
CommandLine Parse(const std::vector<std::string>& words);
bool WantsJson(const std::vector<std::string>& words);

}  // namespace parse
