#include "backup/wal.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace backup {
namespace {

std::optional<std::uint64_t> Hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || text.size() > 8 || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string NameOf(std::uint32_t timeline, std::uint64_t number, std::uint64_t segment_bytes) {
  const std::uint64_t per_id = (std::uint64_t{1} << 32) / segment_bytes;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, number / per_id, number % per_id);
}

}  // namespace

std::string Lsn::Text() const { return fmt::format("{:X}/{:X}", value >> 32, value & 0xFFFFFFFF); }

Lsn Lsn::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto high = Hex(text.substr(0, slash));
    const auto low = Hex(text.substr(slash + 1));
    if (high && low) return {.value = *high << 32 | *low};
  }
  throw base::Error(base::Code::kBadJson, fmt::format("'{}' is not a position in the write-ahead log", text));
}

std::string SegmentBefore(std::uint32_t timeline, Lsn end, std::uint64_t segment_bytes) {
  return NameOf(timeline, (end.value - 1) / segment_bytes, segment_bytes);
}

std::string SegmentAt(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_bytes) {
  return NameOf(timeline, lsn.value / segment_bytes, segment_bytes);
}

std::vector<std::string> SegmentsBetween(std::uint32_t timeline, Lsn start, Lsn end, std::uint64_t segment_bytes) {
  std::vector<std::string> names;
  for (std::uint64_t number = start.value / segment_bytes; number * segment_bytes < end.value; ++number) {
    names.push_back(NameOf(timeline, number, segment_bytes));
  }
  return names;
}

Lsn EndOfRecord(Lsn start, std::uint32_t length, std::uint64_t segment_bytes) {
  constexpr std::uint64_t kPage = 8192;
  constexpr std::uint64_t kHeader = 24;
  constexpr std::uint64_t kFirstHeaderOfSegment = 40;
  constexpr std::uint64_t kAlignment = 8;
  std::uint64_t at = start.value;
  std::uint64_t left = length;
  for (std::uint64_t room = kPage - at % kPage; left > room; room = kPage - at % kPage) {
    left -= room;
    at += room;
    at += at % segment_bytes == 0 ? kFirstHeaderOfSegment : kHeader;
  }
  return {.value = (at + left + kAlignment - 1) / kAlignment * kAlignment};
}

bool IsSegmentName(std::string_view name) {
  constexpr std::size_t kLength = 24;
  return name.size() == kLength && name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

}  // namespace backup
