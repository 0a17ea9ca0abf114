#include "base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace base {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;  // in bytes
};

// The character at the beginning of a text that is not empty; nothing: these bytes are none, by RFC 3629.
std::optional<Character> First(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return std::nullopt;
  std::uint32_t code = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return std::nullopt;
  return Character{code, size};
}

// Not those that join letters: languages are written with them.
bool IsHidden(std::uint32_t code) {
  return code < ' ' || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x61C ||
         (code >= 0x200E && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) || code == 0x200B ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE007F);
}

// `show` says what is written for a character that is not plain; empty: itself.
template <typename Show>
std::string Rewritten(std::string_view text, const Show& show) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::optional<Character> character = First(text);
    const std::size_t size = character ? character->size : 1;
    const std::string_view shown = character ? show(character->code) : "?";
    out += shown.empty() ? text.substr(0, size) : shown;
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::optional<Character> character = First(text);
    if (!character) return false;
    text.remove_prefix(character->size);
  }
  return true;
}

std::string Printable(std::string_view text) {
  return Rewritten(text, [](std::uint32_t code) -> std::string_view {
    return code != '\n' && code != '\t' && IsHidden(code) ? "?" : "";
  });
}

std::string OneLine(std::string_view text) {
  return Rewritten(text, [](std::uint32_t code) -> std::string_view {
    if (code == '\n') return "\\n";
    if (code == '\t') return "\\t";
    return IsHidden(code) ? "?" : "";
  });
}

std::string Excerpt(std::string_view text, std::size_t most) {
  std::size_t size = std::min(most, text.size());
  while (size > 0 && size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80) --size;
  return Rewritten(text.substr(0, size), [](std::uint32_t) { return std::string_view(); });
}

std::string FormatBytes(std::int64_t bytes) {
  constexpr std::array kUnits = {"bytes", "kB", "MB", "GB", "TB"};
  constexpr double kThousand = 1024;
  constexpr double kWhole = 10;
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= kThousand && unit + 1 < kUnits.size(); ++unit) value /= kThousand;
  return unit == 0 || value >= kWhole ? fmt::format("{:.0f} {}", value, kUnits[unit])
                                      : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace base
