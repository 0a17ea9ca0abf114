#include "base/error.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace base {
namespace {

std::string_view Word(Changed changed) {
  switch (changed) {
    case Changed::kNo:
      return "no";
    case Changed::kYes:
      return "yes";
    case Changed::kUnknown:
      break;
  }
  return "unknown";
}

// A labelled line; further lines of the text stand under the first.
void AddLine(std::string& out, std::string_view label, std::string_view text) {
  out += fmt::format("\n  {}", label);
  const std::string indent(label.size() + 2, ' ');
  for (const char c : text) {
    out += c;
    if (c == '\n') out += indent;
  }
}

// The beginning of a statement, without the remarks before it: whole ones fill the screen, and JSON has them.
std::string Beginning(std::string_view statement) {
  constexpr std::size_t kLines = 8;
  std::string out;
  std::size_t lines = 0;
  for (std::size_t at = 0; at < statement.size();) {
    const std::size_t end = std::min(statement.find('\n', at), statement.size());
    const std::string_view line = statement.substr(at, end - at);
    at = end + 1;
    if (line.empty() || (lines == 0 && line.starts_with("--"))) continue;
    if (lines == kLines) return out + "\n...";
    out += (lines++ == 0 ? "" : "\n") + std::string(line);
  }
  return out;
}

}  // namespace

Error::Error(Code code, std::string message)
    : code_(code), message_(std::move(message)), what_(CodeText(code_) + ": " + message_) {}

Error& Error::Detail(std::string detail) & {
  detail_ = std::move(detail);
  what_ = fmt::format("{}: {}: {}", CodeText(code_), message_, detail_);
  return *this;
}
Error& Error::Hint(std::string hint) & {
  hint_ = std::move(hint);
  return *this;
}
Error& Error::At(std::string file, int line, int column) & {
  file_ = std::move(file);
  line_ = line;
  column_ = column;
  return *this;
}
Error& Error::Sqlstate(std::string sqlstate) & {
  sqlstate_ = std::move(sqlstate);
  return *this;
}
Error& Error::Statement(std::string statement) & {
  statement_ = std::move(statement);
  return *this;
}
Error& Error::TargetChanged(Changed changed) & {
  changed_ = changed;
  return *this;
}
Error& Error::Context(std::string context) & {
  context_.push_back(std::move(context));
  return *this;
}

Error&& Error::Detail(std::string detail) && { return std::move(Detail(std::move(detail))); }
Error&& Error::Hint(std::string hint) && { return std::move(Hint(std::move(hint))); }
Error&& Error::At(std::string file, int line, int column) && { return std::move(At(std::move(file), line, column)); }
Error&& Error::Sqlstate(std::string sqlstate) && { return std::move(Sqlstate(std::move(sqlstate))); }
Error&& Error::Statement(std::string statement) && { return std::move(Statement(std::move(statement))); }
Error&& Error::TargetChanged(Changed changed) && { return std::move(TargetChanged(changed)); }
Error&& Error::Context(std::string context) && { return std::move(Context(std::move(context))); }

Exit Error::exit() const { return InfoOf(code_).exit; }

std::string Error::hint() const { return hint_.empty() ? std::string(InfoOf(code_).remedy) : hint_; }

bool Error::Retryable() const { return exit() == Exit::kTransient && changed_ == Changed::kNo; }

std::string Error::Text() const {
  std::string out = fmt::format("error {}: {}", CodeText(code_), message_);
  if (!file_.empty()) {
    std::string where = file_;
    if (line_ > 0) where += fmt::format(":{}", line_);
    if (line_ > 0 && column_ > 0) where += fmt::format(":{}", column_);
    AddLine(out, "at ", where);
  }
  if (!detail_.empty()) AddLine(out, "detail: ", detail_);
  if (!sqlstate_.empty()) AddLine(out, "SQLSTATE: ", sqlstate_);
  if (!statement_.empty()) AddLine(out, "statement: ", Beginning(statement_));
  for (const std::string& context : context_) AddLine(out, "", context);
  if (changed_ == Changed::kYes) AddLine(out, "", "the target database was changed before this happened");
  if (changed_ == Changed::kUnknown) AddLine(out, "", "whether the target database was changed is not known");
  AddLine(out, "hint: ", hint());
  return out;
}

Json Error::ToJson() const {
  Json at = nullptr;
  if (!file_.empty()) {
    at = {{"file", file_}, {"line", nullptr}, {"column", nullptr}};
    if (line_ > 0) at["line"] = line_;
    if (column_ > 0) at["column"] = column_;
  }
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  return {{"code", CodeText(code_)},
          {"message", message_},
          {"detail", text_or_null(detail_)},
          {"hint", hint()},
          {"at", at},
          {"sqlstate", text_or_null(sqlstate_)},
          {"statement", text_or_null(statement_)},
          {"context", context_},
          {"retryable", Retryable()},
          {"target_changed", Word(changed_)}};
}

}  // namespace base
