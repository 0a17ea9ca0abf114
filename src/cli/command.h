#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/exit.h"
#include "base/json.h"

// A command is data: its name, what it takes, its help and its verb. One file a command, one line in commands.def. The
// command line,
// `--help` and docs/reference.md are made from the same table.
namespace cli {

struct Argument {
  std::string name;  // "RELEASE"
  std::string help;  // a phrase
  bool required = true;
  bool many = false;  // takes all that follow; only the last argument may
};

struct Option {
  std::string name;           // "--until"
  std::string value = {};     // what stands for its value in the help, "PHASE"; empty: a flag
  std::string help = {};      // a phrase
  std::string fallback = {};  // the value where it is not given
  bool many = false;          // may be given several times
};

// What a command works on, as far as it is known: part of the JSON envelope, of errors too. Context fills it.
struct Scope {
  std::string release = {};
  std::string environment = {};
  std::string database = {};
  std::string host = {};  // with its port; a directory where it is a socket's
  bool told = false;      // people have read it already

  // "release names, environment staging, database shop, host db1:5432", of what is known; empty where it is no more
  // than the environment: then nothing was worked on.
  [[nodiscard]] std::string Heading() const;
};

// A parsed command line.
struct Invocation {
  std::map<std::string, std::vector<std::string>> arguments;  // by name; absent where not given
  std::map<std::string, std::vector<std::string>> options;  // by name with its dashes; a given flag has one empty value
  std::string environment;                                  // --env
  std::optional<std::string> database;                      // --database
  bool json = false;
  bool changes = false;  // the command's
  std::shared_ptr<Scope> scope = std::make_shared<Scope>();

  [[nodiscard]] bool Has(const std::string& option) const;
  // The last value given, else the option's fallback; empty: neither.
  [[nodiscard]] std::string Option(const std::string& option) const;
  [[nodiscard]] std::vector<std::string> Options(const std::string& option) const;
  [[nodiscard]] std::string Argument(const std::string& argument) const;
  [[nodiscard]] std::vector<std::string> Arguments(const std::string& argument) const;
};

// What a verb gives back when it came to its end, be it a refusal. Errors are thrown instead.
struct Outcome {
  base::Exit exit = base::Exit::kDone;
  base::Json result = base::Json::object();  // for machines
  std::string text = {};                     // for people, on stdout, without a trailing newline
  std::string next = {};                     // what to do next, a sentence or a command line
  bool quoted = false;                       // text and result are another file's, and stay as they are written there
};

struct Command {
  std::string name;     // "plan"; two words ("evidence build") make a command below another
  std::string summary;  // a line
  std::vector<Argument> arguments = {};
  std::vector<Option> options = {};
  std::string text = {};  // for its help: paragraphs
  std::function<Outcome(const Invocation&)> verb = {};
  bool changes = false;   // moves a release, or what belongs to it; else it reads
  bool hidden = false;    // left out of help and reference
  bool anywhere = false;  // works in no environment
};

// True where RELEASE on the command line is a path, and not a name.
bool IsPath(const std::string& release);

// The table, in the order of the help.
const std::vector<Command>& Commands();

// The options that every command takes, for help and reference.
const std::vector<Option>& GlobalOptions();

}  // namespace cli
