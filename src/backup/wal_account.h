#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "backup/provider.h"
#include "backup/wal.h"
#include "backup/waldump.h"
#include "base/json.h"
#include "base/time.h"
#include "pg/connection.h"
#include "pg/quote.h"
#include "sandbox/server.h"

// Which transactions a restore to a point leaves behind, read from the WAL itself: no slot and no running server is
// needed.
namespace backup {

// What a file of rows is called: the log knows files, and tables by their OID.
struct Relation {
  std::uint32_t oid = 0;
  std::uint32_t filenode = 0;
  std::optional<pg::QualifiedName> table =
      {};                 // nothing: its rows are no application's own (TOAST, catalogs, switchback's)
  bool unlogged = false;  // nothing of it is in the log
};
// Of the connection's database.
std::vector<Relation> ReadRelations(pg::Connection& connection);
// One text, because there are as many as the database has tables: each command reads the file that has it, and few look
// into it.
base::Json ToJson(const std::vector<Relation>& relations);
// Also of the list of objects that earlier programs wrote; null: none. Throws kBadJson.
std::vector<Relation> RelationsFromJson(const base::Json& json);

// Changes of rows, as they were logged.
struct WalTable {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  std::int64_t truncated = 0;  // times

  void Add(const WalTable& other);
};

// Of another release than the one that is restored.
struct WalRelease {
  std::int64_t transactions = 0;
  std::map<pg::QualifiedName, WalTable> tables = {};
  std::int64_t unnamed = 0;
};

struct WalAccount {
  std::int64_t applications = 0;    // committed transactions that wrote rows of this database's tables
  std::int64_t own = 0;             // the release's: they carry its tag
  std::int64_t others = 0;          // wrote none: autovacuum, ANALYZE, DDL without rows, row locks, other databases
  std::optional<base::Time> first;  // commit of the applications' first and last
  std::optional<base::Time> last;
  std::map<pg::QualifiedName, WalTable> tables;  // what the applications' transactions did; partitions by their own
  std::map<std::string, WalRelease> releases;    // that go back too, by their names
  std::int64_t unnamed = 0;  // changes in files that no known relation has: of tables rewritten or dropped since
  Lsn through;               // the last record that was read
  std::int64_t unread = 0;   // records of a form that is not known: then nothing of it holds
  bool bounded = false;      // there are more segments than were to be read
  std::string ended;         // why reading ended there; empty: at the end that was asked for
};
base::Json ToJson(const WalAccount& account);

// Whose a tag is: nothing: it does not verify; empty: the release's own; else the name of another release.
using TagReader = std::function<std::optional<std::string>(const std::string& tag)>;

// Counts record by record. A transaction counts when it commits, subtransactions with their top.
class WalCounter {
 public:
  // `database`: OID of the database whose transactions count. Commits count from `from` on, with what they wrote before
  // it, as far as it was added. `whose` judges the content of a message with the prefix `switchback`; only a
  // transactional one at the top level of its transaction counts. Of two relations with one file the first names it.
  WalCounter(std::uint32_t database, Lsn from, TagReader whose, const std::vector<Relation>& relations = {});
  void Add(const WalRecord& record);
  [[nodiscard]] const WalAccount& account() const { return account_; }

 private:
  struct Seen {
    bool rows = false;
    std::optional<std::string> release = {};  // as TagReader says
    std::map<std::uint32_t, WalTable> files = {};
    std::map<std::uint32_t, WalTable> tables = {};  // by OID
  };
  using Names = std::unordered_map<std::uint32_t, std::optional<pg::QualifiedName>>;

  void Row(const WalRecord& record);
  void Truncate(const WalRecord& record);
  void Message(const WalRecord& record);
  void End(const WalRecord& record);
  static void Tell(const std::map<std::uint32_t, WalTable>& written, const Names& names,
                   std::map<pg::QualifiedName, WalTable>& tables, std::int64_t& unnamed);

  std::uint32_t database_;
  Lsn from_;
  TagReader whose_;
  Names files_;
  Names tables_;
  std::unordered_map<std::uint32_t, Seen> open_;
  WalAccount account_;
};

struct AccountRequest {
  sandbox::Binaries binaries;
  SegmentSource archive;
  std::filesystem::path source_wal = {};  // a pg_wal with what is not archived yet; may be empty
  std::uint32_t timeline = 0;
  // Where the log goes on, after failovers: its history is looked for where the segments are. 0: it is not followed.
  std::uint32_t last_timeline = 0;
  std::uint64_t segment_bytes = 16 << 20;
  Lsn scan_from;  // not after the beginning of any transaction that was open at `from`
  Lsn from;
  Lsn to;                           // 0: as far as there is WAL
  std::uint64_t segments_most = 0;  // no more are read; 0: all
  std::uint32_t database = 0;
  TagReader whose;
  std::vector<Relation> relations = {};
};
// Nothing where the archive has not even the first segment. Throws what fetching one throws.
std::optional<WalAccount> AccountFor(const AccountRequest& request);

}  // namespace backup
