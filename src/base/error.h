#pragma once

#include <exception>
#include <string>
#include <vector>

#include "base/codes.h"
#include "base/json.h"

namespace base {

// Whether the target database was changed by what failed.
enum class Changed { kNo, kYes, kUnknown };

// The one exception type. It is thrown where a command cannot go on, gathers context while it unwinds, and is printed
// once, at the top: as text or as JSON, from the same object. Expected outcomes (blocked, refused, unparsed) are values
// instead.
//
//   throw base::Error(base::Code::kFileRead, "cannot read releases/a/release.yaml").Detail("No such file or
//   directory");
//
// Messages are lowercase sentences without a full stop. Without a Hint, the remedy of the code table is shown.
class Error : public std::exception {
 public:
  Error(Code code, std::string message);

  // What the server, the program or the operating system said.
  Error& Detail(std::string detail) &;
  Error&& Detail(std::string detail) &&;
  // What to do next, where it is more exact than the code's own remedy.
  Error& Hint(std::string hint) &;
  Error&& Hint(std::string hint) &&;
  // Where in a file: line and column count characters from 1; 0 = not known.
  Error& At(std::string file, int line, int column) &;
  Error&& At(std::string file, int line, int column) &&;
  Error& Sqlstate(std::string sqlstate) &;
  Error&& Sqlstate(std::string sqlstate) &&;
  Error& Statement(std::string statement) &;
  Error&& Statement(std::string statement) &&;
  Error& TargetChanged(Changed changed) &;
  Error&& TargetChanged(Changed changed) &&;
  // "while ...": pushed by callers while the error unwinds, innermost first.
  Error& Context(std::string context) &;
  Error&& Context(std::string context) &&;

  [[nodiscard]] Code code() const { return code_; }
  [[nodiscard]] Exit exit() const;
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  [[nodiscard]] std::string hint() const;
  [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }
  [[nodiscard]] Changed target_changed() const { return changed_; }
  // True where the same command may succeed when run again, with nothing changed by this one.
  [[nodiscard]] bool Retryable() const;

  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  // Several lines for people, without a trailing newline: "error SB2001: ...", where, detail, context, hint.
  [[nodiscard]] std::string Text() const;
  // {code, message, detail, hint, at: {file, line, column}, sqlstate, statement, context: [], retryable,
  // target_changed}
  [[nodiscard]] Json ToJson() const;

 private:
  Code code_;
  std::string message_;
  std::string detail_;
  std::string hint_;
  std::string file_;
  int line_ = 0;
  int column_ = 0;
  std::string sqlstate_;
  std::string statement_;
  Changed changed_ = Changed::kNo;
  std::vector<std::string> context_;
  std::string what_;
};

}  // namespace base
