#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/lsn.h"

// Positions in the write-ahead log and the names of its files.
namespace backup {

using pg::Lsn;

// The segment that holds the last byte before `end`: the one that must be archived before everything up to `end` is.
std::string SegmentBefore(std::uint32_t timeline, Lsn end, std::uint64_t segment_bytes);
// The segment that holds the byte at `lsn`.
std::string SegmentAt(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_bytes);
// How long segments are, where `segment` is the one that holds `lsn`: 16 MB where several lengths would do. Throws
// kBadJson where none does.
std::uint64_t SegmentBytesOf(const std::string& segment, Lsn lsn);
// All segments from the one that holds `start` to the one before `end`, in order.
// Throws kBadJson where there are millions of them.
std::vector<std::string> SegmentsBetween(std::uint32_t timeline, Lsn start, Lsn end, std::uint64_t segment_bytes);
// Where a record of `length` bytes that begins at `start` ends: what the server returns as its position. The headers of
// pages (8 kB) that it runs across count.
Lsn EndOfRecord(Lsn start, std::uint32_t length, std::uint64_t segment_bytes);
// Of a file of the log: the first eight digits of its name.
std::uint32_t TimelineOf(std::string_view segment);
// The name of the file that says how a timeline came to be.
std::string HistoryFile(std::uint32_t timeline);

// A timeline that a history names, and where it was left.
struct TimelineEnd {
  std::uint32_t timeline = 0;
  Lsn end;
};
// Reads a history file; oldest first.
std::vector<TimelineEnd> ReadHistory(std::string_view text);
// True for 24 hexadecimal digits: history, backup and partial files are not segments.
bool IsSegmentName(std::string_view name);

}  // namespace backup
