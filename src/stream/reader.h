#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/time.h"
#include "journal/tag.h"
#include "pg/lsn.h"
#include "stream/entry.h"
#include "stream/pgoutput.h"
#include "stream/spool.h"

namespace stream {

// Whose a transaction is.
enum class Whose {
  kMigration,    // its first message is a tag of this release by a known runner, seen once only
  kApplication,  // it has no tag; an origin changes nothing about that
  kRelease,      // its first message is a tag of another release, seen once only
  // An application's, which has a message like a tag that does not verify, stands late, or was seen before. Any role
  // can emit one, by mistake too, and nothing tells why.
  kUnverified,
};

struct Transaction {
  pg::Lsn commit;  // where its commit record begins; grows from one to the next
  pg::Lsn end;
  base::Time time;  // of the commit
  std::uint32_t xid = 0;
  std::string origin;
  Whose whose = Whose::kApplication;
  journal::Tag tag;     // kMigration, kRelease
  std::string message;  // kUnverified: what does not verify, its first kMarkKept bytes, which may be any
  struct Table {
    pg::QualifiedName name;
    Writes writes;
  };
  std::vector<Table> tables;
  std::int64_t changes = 0;
  std::uint64_t offset = 0;  // for ChangesOf
  std::uint64_t bytes = 0;
};

// One change. It points into the reader's memory, and is valid until the next one is asked for.
struct Change {
  enum class Kind { kInsert, kUpdate, kDelete, kTruncate };
  Kind kind = Kind::kInsert;
  const Relation* relation = nullptr;  // of kTruncate the first
  std::vector<const Relation*> truncated;
  bool old_is_row = false;  // `old` is the whole row as it was; else its key
  std::optional<Row> old;
  Row row;  // kInsert, kUpdate
};

// Reads of a file, piece by piece, what stands before `end`.
class Piecewise {
 public:
  Piecewise(const std::filesystem::path& path, std::uint64_t at, std::uint64_t end);
  Piecewise(const Piecewise&) = delete;
  Piecewise& operator=(const Piecewise&) = delete;
  ~Piecewise();
  // The next message, without its length; nothing: the end. Valid until the next call. Throws kSpoolBroken, kFileRead.
  std::optional<std::string_view> Next();

 private:
  void Fill(std::size_t size);

  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t at_;  // of what follows the buffer
  std::uint64_t end_;
  std::string buffer_;
  std::size_t used_ = 0;
};

// The changes of one transaction, in their order.
class Changes {
 public:
  // Null: there is none any more. Throws kSpoolBroken, kStreamMalformed.
  const Change* Next();

 private:
  friend class Reader;
  Changes(const std::filesystem::path& messages, const Transaction& transaction,
          std::unordered_map<std::uint32_t, std::shared_ptr<const Relation>> relations);
  const Relation* RelationOf(std::uint32_t id) const;

  std::unique_ptr<Piecewise> messages_;
  std::unordered_map<std::uint32_t, std::shared_ptr<const Relation>> relations_;
  std::vector<std::shared_ptr<const Relation>> former_;  // described anew since: a caller may still look at them
  Change change_;
};

// Whose a tag is: the release that asks, and the runners that are known.
struct Known {
  std::string release;
  journal::Keys keys;
};

// Reads a spool, transaction by transaction, in the order of their commits; what a writer makes safe meanwhile is not
// seen. Memory does not grow with the size of a transaction.
class Reader {
 public:
  // A spool that is not there is one without transactions.
  Reader(const std::filesystem::path& state, const std::string& slot, Known known);

  // Up to where the slot was read. Nothing: there is no spool.
  [[nodiscard]] const std::optional<Place>& place() const { return place_; }
  // Nothing: there is none any more. Throws kSpoolBroken, kFileRead.
  std::optional<Transaction> Next();
  // Next() gives the first one again; the end stays where it was.
  void Rewind();
  // Of any transaction that Next() gave.
  Changes ChangesOf(const Transaction& transaction);

 private:
  void Judge(Entry& entry, Transaction& transaction);
  std::shared_ptr<const Relation> RelationAt(std::uint64_t offset);

  std::filesystem::path directory_;
  Known known_;
  std::optional<Place> place_;
  std::unique_ptr<Piecewise> index_;
  std::map<std::uint64_t, std::shared_ptr<const Relation>> relations_;  // by offset
  std::unordered_set<std::size_t> seen_;                                // hashes of tags
};

}  // namespace stream
