#include "sql/rename.h"

#include <algorithm>
#include <cctype>

#include "sql/tokens.h"

namespace sql {
namespace {

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The name that a token stands for, or "" where it is none. The server prints every name that needs quotes with quotes.
std::string IdentifierIn(const std::string& text) {
  if (text.empty()) return "";
  if (text.front() == '"') {
    std::string name;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      if (text[i] == '"') ++i;
      name += text[i];
    }
    return name;
  }
  const auto first = static_cast<unsigned char>(text.front());
  return std::isalpha(first) != 0 || first == '_' || first >= 0x80 ? Lower(text) : "";
}

}  // namespace

std::string ReplaceColumn(std::string_view text, const std::string& from, const std::string& to) {
  const Source source{std::string(text)};
  const std::vector<Token>& tokens = source.tokens();
  std::string result;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string written(text.substr(tokens[i].start, tokens[i].end - tokens[i].start));
    if (IdentifierIn(written) != from || source.Is(i + 1, "(")) continue;
    result += text.substr(copied, tokens[i].start - copied);
    result += Quoted(to);
    copied = tokens[i].end;
  }
  return result + std::string(text.substr(copied));
}

std::string TailFrom(std::string_view text, std::string_view keyword) {
  const Source source{std::string(text)};
  std::string word(keyword);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (std::size_t i = 0; i < source.tokens().size(); ++i) {
    if (source.tokens()[i].keyword && source.Is(i, word)) return std::string(text.substr(source.tokens()[i].start));
  }
  return "";
}

}  // namespace sql
