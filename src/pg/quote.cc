#include "pg/quote.h"

#include <algorithm>

namespace pg {
namespace {

std::string Doubled(std::string_view text, char quote, bool backslashes) {
  std::string out;
  out.reserve(text.size() + 2);
  out += quote;
  for (char c : text) {
    if (c == quote || (backslashes && c == '\\')) out += c;
    out += c;
  }
  out += quote;
  return out;
}

bool NeedsQuotes(std::string_view name) {
  auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return name.empty() || !plain(name.front()) ||
         !std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || (c >= '0' && c <= '9'); });
}

std::string TextPart(const std::string& name) { return NeedsQuotes(name) ? Ident(name) : name; }

}  // namespace

std::string Ident(std::string_view name) { return Doubled(name, '"', false); }

std::string Ident(std::string_view schema, std::string_view name) { return Ident(schema) + "." + Ident(name); }

std::string IdentList(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out += ", ";
    out += Ident(name);
  }
  return out;
}

std::string Literal(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return Doubled(text, '\'', false);
  // The blank keeps the E from growing together with a word before it.
  return " E" + Doubled(text, '\'', true);
}

std::string DollarQuote(std::string_view body) {
  // "$tag" without the closing $ must not occur either: a body that ends in it would end its own quote.
  std::string tag = "$sb";
  for (int n = 1; body.find(tag) != std::string_view::npos; ++n) tag = "$sb" + std::to_string(n);
  tag += "$";
  return tag + std::string(body) + tag;
}

std::string ReplicationLiteral(std::string_view text) { return Doubled(text, '\'', false); }

std::string QualifiedName::Text() const { return TextPart(schema) + "." + TextPart(name); }

}  // namespace pg
