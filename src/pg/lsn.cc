#include "pg/lsn.h"

#include <fmt/core.h>

#include <charconv>
#include <optional>

#include "base/error.h"

namespace pg {
namespace {

std::optional<std::uint64_t> HexHalf(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || text.size() > 8 || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string Lsn::Text() const { return fmt::format("{:X}/{:X}", value >> 32, value & 0xFFFFFFFF); }

Lsn Lsn::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto high = HexHalf(text.substr(0, slash));
    const auto low = HexHalf(text.substr(slash + 1));
    if (high && low) return {.value = *high << 32 | *low};
  }
  throw base::Error(base::Code::kBadJson, fmt::format("'{}' is not a position in the write-ahead log", text));
}

}  // namespace pg
