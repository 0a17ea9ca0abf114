#include "backup/waldump.h"

#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "backup/programs.h"
#include "base/error.h"

namespace backup {
namespace {

// Reads a number after `label` and any blanks.
template <typename Number>
bool NumberAfter(std::string_view line, std::string_view label, Number& number) {
  std::size_t at = line.find(label);
  if (at == std::string_view::npos) return false;
  at = line.find_first_not_of(' ', at + label.size());
  if (at == std::string_view::npos) return false;
  return std::from_chars(line.data() + at, line.data() + line.size(), number).ec == std::errc{};
}

struct ClosePipe {
  void operator()(std::FILE* pipe) const { pclose(pipe); }
};
// What getline allocates.
struct LineBuffer {
  LineBuffer() = default;
  LineBuffer(const LineBuffer&) = delete;
  LineBuffer& operator=(const LineBuffer&) = delete;
  ~LineBuffer() { std::free(text); }
  char* text = nullptr;
  std::size_t capacity = 0;
};

std::string CommandLine(const sandbox::Binaries& binaries, const WalRange& range,
                        const std::vector<std::string>& managers) {
  std::string command = fmt::format("LC_ALL=C TZ=UTC {} -p {} -t {} -s {}", ShellQuote(binaries.Program("pg_waldump")),
                                    ShellQuote(range.directory.string()), range.timeline, range.start.Text());
  if (range.end.value != 0) command += " -e " + range.end.Text();
  constexpr int kFirstWithManyFilters = 15;
  if (binaries.major >= kFirstWithManyFilters) {
    for (const std::string& manager : managers) command += " -r " + manager;
  }
  if (range.records_max != 0) command += fmt::format(" -n {}", range.records_max);
  return command + " 2>&1";
}

// Where the record that creates a restore point ending here begins at the earliest: it has a name of 64 bytes, and page
// headers may lie inside it.
std::uint64_t LeastBefore(Lsn point) {
  constexpr std::uint64_t kRecordBytesMax = 256;
  return point.value > kRecordBytesMax ? point.value - kRecordBytesMax : 0;
}

}  // namespace

bool ParseWalRecord(std::string_view line, WalRecord& record) {
  constexpr std::string_view kManagerLabel = "rmgr: ";
  constexpr std::string_view kLsnLabel = ", lsn: ";
  constexpr std::string_view kDescriptionLabel = ", desc: ";
  const std::size_t lsn = line.find(kLsnLabel);
  const std::size_t description = line.find(kDescriptionLabel);
  if (!line.starts_with(kManagerLabel) || lsn == std::string_view::npos || description == std::string_view::npos)
    return false;
  const std::size_t comma = line.find(',', lsn + kLsnLabel.size());
  record.manager = line.substr(kManagerLabel.size(), line.find(' ', kManagerLabel.size()) - kManagerLabel.size());
  record.lsn = Lsn::Parse(line.substr(lsn + kLsnLabel.size(), comma - lsn - kLsnLabel.size()));
  record.description = line.substr(description + kDescriptionLabel.size());
  constexpr std::string_view kLengths = "len (rec/tot):";
  const std::size_t lengths = line.find(kLengths);
  return lengths != std::string_view::npos && NumberAfter(line.substr(lengths + kLengths.size()), "/", record.length) &&
         NumberAfter(line, "tx:", record.xid);
}

std::string ReadWal(const sandbox::Binaries& binaries, const WalRange& range, const std::vector<std::string>& managers,
                    const std::function<void(const WalRecord&)>& each) {
  const std::unique_ptr<std::FILE, ClosePipe> pipe(popen(CommandLine(binaries, range, managers).c_str(), "re"));
  if (!pipe) throw base::Error(base::Code::kProcessStart, "cannot start pg_waldump").Detail(std::strerror(errno));
  std::string complaint;
  LineBuffer buffer;
  ssize_t size = 0;
  while ((size = getline(&buffer.text, &buffer.capacity, pipe.get())) >= 0) {
    std::string_view line(buffer.text, static_cast<std::size_t>(size));
    if (line.ends_with('\n')) line.remove_suffix(1);
    WalRecord record;
    if (ParseWalRecord(line, record)) {
      each(record);
    } else if (line.find("pg_waldump:") != std::string_view::npos) {
      complaint = line;
    }
  }
  return complaint;
}

bool HasRestorePoint(const sandbox::Binaries& binaries, const std::filesystem::path& directory, std::uint32_t timeline,
                     Lsn point, std::uint64_t segment_bytes, const std::string& name) {
  const Lsn start{.value = LeastBefore(point) / segment_bytes * segment_bytes};
  bool found = false;
  ReadWal(binaries, {.directory = directory, .timeline = timeline, .start = start, .end = point, .records_max = 0},
          {"XLOG"}, [&](const WalRecord& record) {
            found = found || (record.manager == "XLOG" && record.description == "RESTORE_POINT " + name &&
                              EndOfRecord(record.lsn, record.length, segment_bytes) == point);
          });
  return found;
}

std::vector<std::string> SegmentsOfPoint(const Point& point, std::uint64_t segment_bytes) {
  // The record that begins at a point without a name may run into the segment behind it.
  if (point.name.empty()) {
    return SegmentsBetween(point.timeline, point.lsn, {.value = point.lsn.value + segment_bytes}, segment_bytes);
  }
  return SegmentsBetween(point.timeline, {.value = LeastBefore(point.lsn)}, point.lsn, segment_bytes);
}

void CheckPoint(const std::filesystem::path& wal, const Backup& backup, const Point& point) {
  const sandbox::Binaries binaries = sandbox::FindBinaries(backup.server_major);
  if (!point.name.empty()) {
    if (HasRestorePoint(binaries, wal, point.timeline, point.lsn, backup.segment_bytes, point.name)) return;
    throw base::Error(base::Code::kPointUnknown, fmt::format("the archive does not hold the restore point {} at {}",
                                                             point.name, point.lsn.Text()));
  }
  // Replay stops when it meets the record that begins at the point, so that one must be there too.
  bool found = false;
  const std::string complaint =
      ReadWal(binaries, {.directory = wal, .timeline = point.timeline, .start = point.lsn, .end = {}, .records_max = 1},
              {}, [&](const WalRecord& record) { found = record.lsn == point.lsn; });
  if (found) return;
  throw base::Error(
      base::Code::kPointUnknown,
      fmt::format("no record begins at {} in the archive, so replay could not stop there", point.lsn.Text()))
      .Detail(complaint);
}

}  // namespace backup
