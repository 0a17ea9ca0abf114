#include "backup/wal.h"

#include <fmt/core.h>

#include <charconv>

#include "base/error.h"
#include "pg/timeline.h"

namespace backup {
namespace {

std::string NameOf(std::uint32_t timeline, std::uint64_t number, std::uint64_t segment_bytes) {
  const std::uint64_t per_id = (std::uint64_t{1} << 32) / segment_bytes;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, number / per_id, number % per_id);
}

}  // namespace

std::string SegmentBefore(std::uint32_t timeline, Lsn end, std::uint64_t segment_bytes) {
  return NameOf(timeline, (end.value - 1) / segment_bytes, segment_bytes);
}

std::string SegmentAt(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_bytes) {
  return NameOf(timeline, lsn.value / segment_bytes, segment_bytes);
}

std::uint64_t SegmentBytesOf(const std::string& segment, Lsn lsn) {
  constexpr std::uint64_t kUsual = 16 << 20;
  constexpr std::uint64_t kLeast = 1 << 20;
  constexpr std::uint64_t kMost = 1 << 30;
  constexpr std::size_t kTimeline = 8;
  const auto fits = [&](std::uint64_t bytes) {
    return segment.size() > kTimeline && SegmentAt(0, lsn, bytes).substr(kTimeline) == segment.substr(kTimeline);
  };
  if (fits(kUsual)) return kUsual;
  for (std::uint64_t bytes = kLeast; bytes <= kMost; bytes *= 2) {
    if (fits(bytes)) return bytes;
  }
  throw base::Error(base::Code::kBadJson, fmt::format("segment {} cannot hold {}", segment, lsn.Text()));
}

std::vector<std::string> SegmentsBetween(std::uint32_t timeline, Lsn start, Lsn end, std::uint64_t segment_bytes) {
  // More than a server writes in years; positions may come from a file.
  constexpr std::uint64_t kMost = 4'000'000;
  if (segment_bytes == 0 || (end > start && (end.value - start.value) / segment_bytes > kMost)) {
    throw base::Error(base::Code::kBadJson,
                      fmt::format("the write-ahead log from {} to {} is longer than can be", start.Text(), end.Text()));
  }
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

std::uint32_t TimelineOf(std::string_view segment) {
  constexpr std::size_t kDigits = 8;
  constexpr int kHex = 16;
  std::uint32_t timeline = 0;
  const std::string_view digits = segment.substr(0, kDigits);
  std::from_chars(digits.data(), digits.data() + digits.size(), timeline, kHex);
  return timeline;
}

std::string HistoryFile(std::uint32_t timeline) { return fmt::format("{:08X}.history", timeline); }

std::vector<TimelineEnd> ReadHistory(std::string_view text) {
  std::vector<TimelineEnd> ends;
  for (const pg::TimelineLeft& left : pg::TimelinesLeft(std::string(text))) {
    ends.push_back({.timeline = left.timeline, .end = Lsn::Parse(left.lsn)});
  }
  return ends;
}

bool IsSegmentName(std::string_view name) {
  constexpr std::size_t kLength = 24;
  return name.size() == kLength && name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

}  // namespace backup
