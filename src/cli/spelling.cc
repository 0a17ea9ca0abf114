#include "cli/spelling.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "backup/programs.h"
#include "cli/context.h"

namespace cli {
namespace {

constexpr std::string_view kProgram = "switchback ";
constexpr std::array kAdvice = {"next", "remedy", "hint", "command", "why", "message", "detail"};

bool OfWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

bool BeginsWord(std::string_view text, std::size_t at) {
  return at == 0 || (!OfWord(text[at - 1]) && text[at - 1] != '/' && text[at - 1] != '.');
}

bool HasWordAtFront(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || !OfWord(text[word.size()]));
}

// The command with which the text begins; null: none of those that work in an environment.
const Command* CommandAt(std::string_view text) {
  const Command* longest = nullptr;
  for (const Command& command : Commands()) {
    if (command.anywhere || !HasWordAtFront(text, command.name)) continue;
    if (longest == nullptr || command.name.size() > longest->name.size()) longest = &command;
  }
  return longest;
}

}  // namespace

std::string ShellWord(const std::string& text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_-.:/@%+,=").find(static_cast<char>(c)) != std::string_view::npos;
  });
  return plain ? text : backup::ShellQuote(text);
}

Spelling::Spelling(const Invocation& invocation)
    : environment_(EnvironmentOf(invocation).environment),
      database_(invocation.database.value_or("")),
      scope_(invocation.scope) {
  if (IsPath(invocation.Argument("RELEASE"))) path_ = invocation.Argument("RELEASE");
}

// `after`: what follows the command's name.
std::string Spelling::Options(std::string_view after) const {
  std::string options;
  if (after.starts_with(" --env ")) return options;  // it is another environment that is meant
  if (!environment_.empty()) options += " --env " + ShellWord(environment_);
  if (!database_.empty() && !after.starts_with(" --database ")) options += " --database " + ShellWord(database_);
  return options;
}

std::string Spelling::Text(std::string_view text) const {
  std::string out;
  for (std::size_t at = text.find(kProgram); at != std::string_view::npos; at = text.find(kProgram)) {
    const std::string_view rest = text.substr(at + kProgram.size());
    const Command* command = BeginsWord(text, at) ? CommandAt(rest) : nullptr;
    const std::size_t named = command == nullptr ? 0 : command->name.size();
    out += text.substr(0, at + kProgram.size() + named);
    text = rest.substr(named);
    if (command == nullptr) continue;
    out += Options(text);
    const std::string& name = scope_->release;
    if (name.empty() || !text.starts_with(' ') || !HasWordAtFront(text.substr(1), name)) continue;
    out += " " + ShellWord(path_.empty() ? name : path_);
    text.remove_prefix(1 + name.size());
  }
  out += text;
  return out;
}

base::Json Spelling::Advice(base::Json json) const {
  for (auto& [key, value] : json.items()) {
    const bool advice = json.is_object() && std::ranges::find(kAdvice, key) != kAdvice.end();
    if (value.is_structured()) {
      value = Advice(std::move(value));
    } else if (value.is_string() && advice) {
      value = Text(value.get_ref<const std::string&>());
    }
  }
  return json;
}

}  // namespace cli
