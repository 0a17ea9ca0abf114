#include "cli/command.h"

#include <fmt/core.h>

#include <utility>

#include "cli/commands.h"

namespace cli {

bool Invocation::Has(const std::string& option) const { return options.contains(option); }

std::string Invocation::Option(const std::string& option) const {
  const std::vector<std::string> values = Options(option);
  return values.empty() ? "" : values.back();
}

std::vector<std::string> Invocation::Options(const std::string& option) const {
  const auto found = options.find(option);
  return found == options.end() ? std::vector<std::string>{} : found->second;
}

std::string Invocation::Argument(const std::string& argument) const {
  const std::vector<std::string> values = Arguments(argument);
  return values.empty() ? "" : values.front();
}

std::vector<std::string> Invocation::Arguments(const std::string& argument) const {
  const auto found = arguments.find(argument);
  return found == arguments.end() ? std::vector<std::string>{} : found->second;
}

std::string Scope::Heading() const {
  if (release.empty() && database.empty()) return "";
  std::string text;
  for (const auto& [what, value] : {std::pair<const char*, const std::string&>{"release", release},
                                    {"environment", environment},
                                    {"database", database},
                                    {"host", host}}) {
    if (!value.empty()) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, value);
  }
  return text;
}

bool IsPath(const std::string& release) { return release == "." || release.find('/') != std::string::npos; }

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {
#define SB_COMMAND(name) name(),
#include "cli/commands.def"
#undef SB_COMMAND
  };
  return kCommands;
}

const std::vector<Option>& GlobalOptions() {
  static const std::vector<Option> kOptions = {
      {.name = "--env",
       .value = "NAME",
       .help = "the environment of switchback.yaml; else SWITCHBACK_ENV, else the only one"},
      {.name = "--database",
       .value = "URL",
       .help = "connection string without a password; else DATABASE_URL, the environment's variable, PG*"},
      {.name = "--json", .help = "print one JSON document"},
      {.name = "--quiet", .help = "warnings and errors only, on stderr"},
      {.name = "--verbose", .help = "more messages on stderr"},
      {.name = "--help", .help = "show this help"},
  };
  return kOptions;
}

}  // namespace cli
