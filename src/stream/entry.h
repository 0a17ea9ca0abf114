#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pg/lsn.h"

namespace stream {

// What a transaction did to one table.
struct Writes {
  std::uint32_t relation = 0;      // OID
  std::uint64_t described_at = 0;  // offset of the Relation message that its first change is read by
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  bool truncated = false;
};

// A message with the prefix of the release's tags. Any role can emit one, of any size and any number: of a transaction
// the first counts, and of that so much that a tag is whole.
inline constexpr std::size_t kMarkKept = 512;
struct Mark {
  bool first = false;        // nothing stands before it
  std::string content = {};  // its first kMarkKept bytes
};

// A transaction in the index of a spool.
struct Entry {
  std::uint64_t offset = 0;  // of its changes in the messages
  std::uint64_t bytes = 0;
  pg::Lsn commit = {};
  pg::Lsn end = {};
  std::int64_t time = 0;  // as in Begin
  std::uint32_t xid = 0;
  std::int64_t changes = 0;
  std::string origin = {};          // of replication; empty: this server
  std::int64_t marks = 0;           // messages with the prefix of the release's tags
  Mark mark = {};                   // the first of them
  std::vector<Writes> writes = {};  // by table, in the order of the first change
};

std::string Encode(const Entry& entry);
// Throws kStreamMalformed.
Entry DecodeEntry(std::string_view text);

}  // namespace stream
