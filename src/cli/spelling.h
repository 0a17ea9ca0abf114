#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/command.h"

namespace cli {

// How commands are written for whoever gave this one. What speaks of a next command writes it bare, `switchback run
// NAME`, because much of it is kept in the journal and decided again by others. All that is printed passes here, and
// each command in it gets what this one was given to find its way: --env, --database, the path of the release.
class Spelling {
 public:
  // Without options: what is known before a command line was understood.
  Spelling() = default;
  // The environment as it was asked for, be it by SWITCHBACK_ENV. See RefusePassword first: --database is printed.
  explicit Spelling(const Invocation& invocation);

  // A command is a name of the table after the word `switchback`; an option that stands there already is not repeated.
  [[nodiscard]] std::string Text(std::string_view text) const;
  // Likewise in the members of objects that hold advice, at any depth: next, remedy, hint, command, why, and an error's
  // message and detail. The rest is data.
  [[nodiscard]] base::Json Advice(base::Json json) const;

 private:
  std::string environment_;
  std::string database_;
  std::string path_;                                          // RELEASE, where it was given as one
  std::shared_ptr<Scope> scope_ = std::make_shared<Scope>();  // its name

  [[nodiscard]] std::string Options(std::string_view after) const;
};

// As an argument of a shell, without quotes where none are needed.
std::string ShellWord(const std::string& text);

}  // namespace cli
