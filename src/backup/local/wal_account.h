#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "backup/wal.h"
#include "backup/waldump.h"
#include "base/json.h"
#include "base/time.h"
#include "sandbox/server.h"

// Which transactions a restore to a point leaves behind, read from the WAL itself: no slot and no running server is
// needed.
namespace backup::local {

struct WalAccount {
  std::int64_t applications = 0;    // committed transactions that wrote rows of this database's tables
  std::int64_t own = 0;             // the release's: they carry its tag
  std::int64_t others = 0;          // wrote none: autovacuum, ANALYZE, DDL without rows, row locks, other databases
  std::optional<base::Time> first;  // commit of the applications' first and last
  std::optional<base::Time> last;
  Lsn through;        // the last record that was read
  std::string ended;  // why reading ended there, in pg_waldump's words; empty: at the end that was asked for
};
base::Json ToJson(const WalAccount& account);

// Counts record by record. A transaction counts when it commits, subtransactions with their top.
class WalCounter {
 public:
  // `database`: OID of the database whose transactions count. Commits count from `from` on, with what they wrote before
  // it, as far as it was added. `is_ours` judges the content of a message with the prefix `switchback`; only a
  // transactional one at the top level of its transaction counts.
  WalCounter(std::uint32_t database, Lsn from, std::function<bool(const std::string& tag)> is_ours);
  void Add(const WalRecord& record);
  [[nodiscard]] const WalAccount& account() const { return account_; }

 private:
  struct Seen {
    bool rows = false;
    bool tagged = false;
  };
  void Row(const WalRecord& record);
  void Message(const WalRecord& record);
  void End(const WalRecord& record);

  std::uint32_t database_;
  Lsn from_;
  std::function<bool(const std::string&)> is_ours_;
  std::unordered_map<std::uint32_t, Seen> open_;
  WalAccount account_;
};

struct AccountRequest {
  sandbox::Binaries binaries;
  std::vector<std::filesystem::path>
      directories;  // of segments: the archive, then a pg_wal with what is not archived yet
  std::uint32_t timeline = 0;
  Lsn scan_from;  // not after the beginning of any transaction that was open at `from`
  Lsn from;
  Lsn to;  // 0: as far as there is WAL
  std::uint32_t database = 0;
  std::function<bool(const std::string& tag)> is_ours;
};
WalAccount AccountFor(const AccountRequest& request);

}  // namespace backup::local
