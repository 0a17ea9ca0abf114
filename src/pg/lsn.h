#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace pg {

// A position in the write-ahead log.
struct Lsn {
  std::uint64_t value = 0;
  [[nodiscard]] std::string Text() const;   // "0/2F4CB940"
  static Lsn Parse(std::string_view text);  // throws kBadJson
  auto operator<=>(const Lsn&) const = default;
};

}  // namespace pg
