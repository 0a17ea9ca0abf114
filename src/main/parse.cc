#include "main/parse.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "base/error.h"
#include "release/nearest.h"

namespace parse {
namespace {

// Where CLI11 puts what it reads; a deque, because it keeps references.
struct Slot {
  const cli::Command* command = nullptr;
  std::string name;
  bool is_option = false;
  bool is_flag = false;
  std::string fallback = {};
  CLI::Option* option = nullptr;
  std::vector<std::string> values = {};
  bool flag = false;
};

struct Globals {
  std::string environment;
  std::string database;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool help = false;
  bool version = false;
};

void AddGlobals(CLI::App& app, Globals& globals) {
  app.set_help_flag();
  app.add_option("--env", globals.environment);
  app.add_option("--database", globals.database);
  app.add_flag("--json", globals.json);
  app.add_flag("--quiet", globals.quiet);
  app.add_flag("--verbose", globals.verbose);
  app.add_flag("-h,--help", globals.help);
}

void AddCommand(CLI::App& app, const cli::Command& command, std::deque<Slot>& slots) {
  for (const cli::Argument& argument : command.arguments) {
    Slot& slot = slots.emplace_back(Slot{.command = &command, .name = argument.name});
    slot.option = app.add_option(argument.name, slot.values);
    slot.option->expected(1, argument.many ? CLI::detail::expected_max_vector_size : 1);
    slot.option->allow_extra_args(argument.many);
  }
  for (const cli::Option& option : command.options) {
    Slot& slot = slots.emplace_back(Slot{.command = &command,
                                         .name = option.name,
                                         .is_option = true,
                                         .is_flag = option.value.empty(),
                                         .fallback = option.fallback});
    if (slot.is_flag) {
      slot.option = app.add_flag(option.name, slot.flag);
    } else {
      slot.option = app.add_option(option.name, slot.values);
      slot.option->allow_extra_args(false);
      slot.option->expected(1);
      slot.option->multi_option_policy(option.many ? CLI::MultiOptionPolicy::TakeAll
                                                   : CLI::MultiOptionPolicy::TakeLast);
      if (option.many) slot.option->expected(1, CLI::detail::expected_max_vector_size);
    }
  }
}

// "evidence build" lives below "evidence".
CLI::App& SubcommandFor(CLI::App& app, const std::string& name, Globals& globals) {
  CLI::App* parent = &app;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find(' ', begin), name.size());
    const std::string word = name.substr(begin, end - begin);
    const std::vector<CLI::App*> found =
        parent->get_subcommands([&](const CLI::App* at) { return at->get_name() == word; });
    parent = found.empty() ? parent->add_subcommand(word) : found.front();
    if (found.empty()) AddGlobals(*parent, globals);
    // A later word that is also a command's name is no command: a release may be called "note".
    parent->require_subcommand(0, 1);
    begin = end + 1;
  }
  return *parent;
}

// The words of the deepest subcommand that was given: "evidence build".
std::string Given(const CLI::App& app) {
  std::string name;
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    name += (name.empty() ? "" : " ") + at->get_name();
  }
  return name;
}

std::vector<std::string> VisibleNames() {
  std::vector<std::string> names;
  for (const cli::Command& command : cli::Commands()) {
    if (!command.hidden) names.push_back(command.name);
  }
  return names;
}

base::Error Usage(std::string message, const std::string& hint = "") {
  message = message.substr(0, message.find('\n'));
  if (message.size() > 1 && std::islower(static_cast<unsigned char>(message[1])) != 0) {
    message.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(message.front())));
  }
  base::Error error(base::Code::kUsage, message);
  if (!hint.empty()) error.Hint(hint);
  return error;
}

base::Error UnknownCommand(const std::string& word) {
  const std::string near = release::Nearest(word, VisibleNames());
  return Usage(
      fmt::format("there is no command \"{}\"", word),
      near.empty() ? "`switchback --help` lists the commands." : fmt::format("Did you mean `switchback {}`?", near));
}

void CheckMissing(const cli::Command& command, const cli::Invocation& invocation) {
  for (const cli::Argument& argument : command.arguments) {
    if (argument.required && !invocation.arguments.contains(argument.name)) {
      throw Usage(fmt::format("{} is missing", argument.name),
                  fmt::format("See `switchback {} --help`.", command.name));
    }
  }
}

void Fill(cli::Invocation& invocation, const cli::Command& command, const std::deque<Slot>& slots) {
  for (const Slot& slot : slots) {
    if (slot.command != &command) continue;
    std::vector<std::string> values = slot.values;
    if (slot.is_flag && slot.flag) values = {""};
    if (slot.option->count() == 0 && !slot.fallback.empty()) values = {slot.fallback};
    if (slot.option->count() == 0 && slot.fallback.empty()) continue;
    (slot.is_option ? invocation.options : invocation.arguments)[slot.name] = values;
  }
}

// The option that was meant by the first that the command does not have; empty: all are known, or none is near.
std::string NearestOption(const std::string& command, const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const cli::Option& option : cli::GlobalOptions()) names.push_back(option.name);
  const auto found = std::ranges::find(cli::Commands(), command, &cli::Command::name);
  if (found != cli::Commands().end()) {
    for (const cli::Option& option : found->options) names.push_back(option.name);
  }
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (name.starts_with("--") && std::ranges::find(names, name) == names.end()) return release::Nearest(name, names);
  }
  return "";
}

base::Error Explained(const CLI::App& app, const CLI::Error& error, const std::vector<std::string>& words) {
  const std::string given = Given(app);
  if (given.empty()) {
    const auto word = std::ranges::find_if(words, [](const std::string& text) { return !text.starts_with("-"); });
    if (word != words.end() && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return UnknownCommand(*word);
    return Usage(error.what());
  }
  const std::string near = NearestOption(given, words);
  return Usage(error.what(), near.empty() ? fmt::format("See `switchback {} --help`.", given)
                                          : fmt::format("Did you mean {}?", near));
}

}  // namespace

bool WantsJson(const std::vector<std::string>& words) { return std::ranges::find(words, "--json") != words.end(); }

CommandLine Parse(const std::vector<std::string>& words) {
  CLI::App app;
  Globals globals;
  std::deque<Slot> slots;
  AddGlobals(app, globals);
  app.add_flag("--version", globals.version);
  app.require_subcommand(0, 1);
  for (const cli::Command& command : cli::Commands())
    AddCommand(SubcommandFor(app, command.name, globals), command, slots);
  try {
    // CLI11 takes the words from the back.
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::Error& error) {
    throw Explained(app, error, words);
  }

  CommandLine line;
  const std::string given = Given(app);
  const auto found = std::ranges::find(cli::Commands(), given, &cli::Command::name);
  if (found != cli::Commands().end()) line.command = &*found;
  if (globals.version) line.asked = CommandLine::Asked::kVersion;
  if (globals.help || words.empty()) line.asked = CommandLine::Asked::kHelp;
  line.invocation.json = globals.json;
  if (line.asked != CommandLine::Asked::kRun) return line;

  if (line.command == nullptr) {
    throw Usage(given.empty() ? "no command was given" : fmt::format("\"{}\" needs a further word", given),
                "`switchback --help` lists the commands.");
  }
  line.invocation.environment = globals.environment;
  if (!globals.database.empty()) line.invocation.database = globals.database;
  if (globals.quiet) line.log_level = base::LogLevel::kWarning;
  if (globals.verbose) line.log_level = base::LogLevel::kDebug;
  line.invocation.changes = line.command->changes;
  Fill(line.invocation, *line.command, slots);
  CheckMissing(*line.command, line.invocation);
  return line;
}

}  // namespace parse
