#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backup/provider.h"
#include "backup/wal.h"
#include "sandbox/server.h"

namespace backup {

// What pg_waldump prints of one record.
struct WalRecord {
  std::string_view manager;      // "Heap", "Transaction"
  std::uint32_t length = 0;      // of the whole record
  std::uint32_t xid = 0;         // 0: none
  Lsn lsn;                       // where it begins
  std::string_view description;  // from after "desc: "
};
// False for a line that is not a record.
bool ParseWalRecord(std::string_view line, WalRecord& record);

struct WalRange {
  std::filesystem::path directory;  // of segments
  std::uint32_t timeline = 0;
  Lsn start;
  Lsn end;              // 0: as far as there is WAL
  int records_max = 0;  // 0: all of them
};

// Streams the records of these resource managers in `range` to `each`; the views live only during the call. Returns
// what pg_waldump complained about: empty, or why it could not read on ("could not find file ...").
std::string ReadWal(const sandbox::Binaries& binaries, const WalRange& range, const std::vector<std::string>& managers,
                    const std::function<void(const WalRecord&)>& each);

// True where the record that ends at `point` creates the restore point `name`.
bool HasRestorePoint(const sandbox::Binaries& binaries, const std::filesystem::path& directory, std::uint32_t timeline,
                     Lsn point, std::uint64_t segment_bytes, const std::string& name);

// The segments that CheckPoint reads.
std::vector<std::string> SegmentsOfPoint(const Point& point, std::uint64_t segment_bytes);
// That the log in this directory holds the point as what it is said to be, so that a replay stops there: throws
// kPointUnknown.
void CheckPoint(const std::filesystem::path& wal, const Backup& backup, const Point& point);

}  // namespace backup
