#include "evidence/markdown.h"

#include <array>

namespace evidence {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kBackslashed = "\\`*_[]|~#$";

// Characters that turn the direction of text around or join it invisibly: U+200E, U+200F, U+202A..E, U+2066..9.
bool IsDirectionMark(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xE2') return false;
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  if (second == 0x80) return third == 0x8E || third == 0x8F || (third >= 0xAA && third <= 0xAE);
  return second == 0x81 && third >= 0xA6 && third <= 0xA9;
}

std::string_view EntityOf(char c) {
  switch (c) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '@':
      return "&#64;";
    default:
      return {};
  }
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r' || c == '\t') {
      out += ' ';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += kReplacement;
    } else if (IsDirectionMark(text.substr(i))) {
      out += kReplacement;
      i += 2;
    } else if (const std::string_view entity = EntityOf(c); !entity.empty()) {
      out += entity;
    } else {
      if (kBackslashed.find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
    // What many sites make a link of without any markup.
    if (out.ends_with("www.")) out.replace(out.size() - 1, 1, "&#46;");
    if (out.ends_with("://")) out.replace(out.size() - 2, 2, "&#47;/");
  }
  return out;
}

std::string Table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  std::string out = "|";
  for (const std::string& cell : head) out += " " + cell + " |";
  out += "\n|";
  for (std::size_t i = 0; i < head.size(); ++i) out += " --- |";
  for (const std::vector<std::string>& row : rows) {
    out += "\n|";
    for (std::size_t i = 0; i < head.size(); ++i) out += " " + (i < row.size() ? row[i] : std::string()) + " |";
  }
  return out + "\n";
}

}  // namespace evidence
