#include "cli/reference.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/codes.h"
#include "base/exits.h"
#include "base/failpoint.h"
#include "cli/commands.h"

namespace cli {
namespace {

std::string Left(const Option& option) {
  return option.value.empty() ? option.name : fmt::format("{} {}", option.name, option.value);
}

std::string Help(const Option& option) {
  std::string help = option.help;
  if (!option.fallback.empty()) help += fmt::format(" (default {})", option.fallback);
  if (option.many) help += "; may be given several times";
  return help;
}

void AddOptions(std::string& out, std::string_view title, const std::vector<Option>& options) {
  if (options.empty()) return;
  std::size_t width = 0;
  for (const Option& option : options) width = std::max(width, Left(option).size());
  out += fmt::format("\n\n{}:", title);
  for (const Option& option : options) out += fmt::format("\n  {:<{}}  {}", Left(option), width, Help(option));
}

// What stands between | and | in Markdown.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string OptionRows(const std::vector<Option>& options) {
  std::string out = "\n| option | |\n| --- | --- |\n";
  for (const Option& option : options) out += fmt::format("| `{}` | {} |\n", Cell(Left(option)), Cell(Help(option)));
  return out;
}

std::string CommandMarkdown(const Command& command) {
  std::string out =
      fmt::format("\n### switchback {}\n\n{}.\n\n```\n{}\n```\n", command.name, command.summary, UsageLine(command));
  if (!command.text.empty()) out += fmt::format("\n{}\n", command.text);
  if (!command.arguments.empty()) {
    out += "\n| argument | |\n| --- | --- |\n";
    for (const Argument& argument : command.arguments)
      out += fmt::format("| `{}` | {} |\n", argument.name, Cell(argument.help));
  }
  if (!command.options.empty()) out += OptionRows(command.options);
  return out;
}

Outcome RunReference(const Invocation&) {
  std::string text = ReferenceMarkdown();
  text.pop_back();  // the last newline comes with the output
  return {.result = {{"markdown", text}}, .text = text, .quoted = true};
}

}  // namespace

std::string UsageLine(const Command& command) {
  std::string line = "switchback " + command.name;
  for (const Argument& argument : command.arguments) {
    const std::string name = argument.many ? argument.name + "..." : argument.name;
    line += argument.required ? " " + name : fmt::format(" [{}]", name);
  }
  for (const Option& option : command.options) line += fmt::format(" [{}]", Left(option));
  return line;
}

std::string HelpText(const Command& command) {
  std::string out = fmt::format("{}\n\n{}.", UsageLine(command), command.summary);
  if (!command.text.empty()) out += fmt::format("\n\n{}", command.text);
  if (!command.arguments.empty()) {
    std::size_t width = 0;
    for (const Argument& argument : command.arguments) width = std::max(width, argument.name.size());
    out += "\n\nArguments:";
    for (const Argument& argument : command.arguments)
      out += fmt::format("\n  {:<{}}  {}", argument.name, width, argument.help);
  }
  AddOptions(out, "Options", command.options);
  AddOptions(out, "Options of every command", GlobalOptions());
  return out;
}

std::string HelpText() {
  std::size_t width = 0;
  for (const Command& command : Commands()) width = std::max(width, command.hidden ? 0 : command.name.size());
  std::string out =
      "switchback changes a live PostgreSQL database in steps that each have a way back.\n\n"
      "Usage: switchback COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:";
  for (const Command& command : Commands()) {
    if (!command.hidden) out += fmt::format("\n  {:<{}}  {}", command.name, width, command.summary);
  }
  AddOptions(out, "Options of every command", GlobalOptions());
  return out + "\n\n`switchback COMMAND --help` says more; `switchback explain CODE` explains an error.";
}

std::string ReferenceMarkdown() {
  std::string out =
      "# Reference\n\nMade by `switchback reference`; do not edit.\n\n## Commands\n\nOptions of every command:\n" +
      OptionRows(GlobalOptions());
  for (const Command& command : Commands()) {
    if (!command.hidden) out += CommandMarkdown(command);
  }
  out += "\n## Exit codes\n\n| exit | meaning |\n| --- | --- |\n";
  for (const base::ExitInfo& info : base::AllExits())
    out += fmt::format("| {} | {} |\n", static_cast<int>(info.exit), Cell(info.meaning));
  out += "\n## Error codes\n\n| code | name | exit | meaning | what to do |\n| --- | --- | --- | --- | --- |\n";
  for (const base::CodeInfo& info : base::AllCodes()) {
    out += fmt::format("| {} | {} | {} | {} | {} |\n", base::CodeText(info.code), info.name,
                       static_cast<int>(info.exit), Cell(info.meaning), Cell(info.remedy));
  }
  out += "\n## Failpoints\n\n`SWITCHBACK_FAILPOINT=NAME[@N]=kill|error|stop` arms one, for tests.\n\n";
  out += "| failpoint | where |\n| --- | --- |\n";
  for (const base::FailpointInfo& info : base::AllFailpoints())
    out += fmt::format("| `{}` | {} |\n", info.name, Cell(info.where));
  return out;
}

Command Reference() {
  return {.name = "reference",
          .summary = "Print docs/reference.md",
          .verb = RunReference,
          .hidden = true,
          .anywhere = true};
}

}  // namespace cli
