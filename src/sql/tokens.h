#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sql {

struct Token {
  std::size_t start = 0;  // bytes
  std::size_t end = 0;
  std::string word;  // keywords in capitals, operators and punctuation as they are; empty for names and literals
  bool keyword = false;
};

// Some tokens of a Source, by their indexes: [first, last).
struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
  [[nodiscard]] bool empty() const { return first >= last; }
};

// The author's text with its tokens, comments left out. A word that is found "at the top" stands in no bracket that
// opens within the range.
class Source {
 public:
  // Throws kSqlSyntax where the text cannot be cut into tokens.
  explicit Source(std::string text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<Token>& tokens() const { return tokens_; }
  [[nodiscard]] bool Is(std::size_t token, std::string_view word) const;
  // The tokens that begin in [start, end).
  [[nodiscard]] Range Between(std::size_t start, std::size_t end) const;
  // From the range's first token that begins at `byte` or after it.
  [[nodiscard]] Range From(Range range, std::size_t byte) const;
  // Index of the first such word at the top; range.last: there is none.
  [[nodiscard]] std::size_t Find(Range range, std::string_view word) const;
  // Index of the bracket that closes the one at `open`; range.last: it is not in the range.
  [[nodiscard]] std::size_t Closing(Range range, std::size_t open) const;
  // The parts between commas at the top.
  [[nodiscard]] std::vector<Range> Split(Range range) const;
  // One past a name that may be qualified, or written as U&"..." UESCAPE '.', and begins at `token`.
  [[nodiscard]] std::size_t PastName(Range range, std::size_t token) const;
  // From the beginning of the first token to the end of the last.
  [[nodiscard]] std::string Slice(Range range) const;

 private:
  std::string text_;
  std::vector<Token> tokens_;
};

}  // namespace sql
