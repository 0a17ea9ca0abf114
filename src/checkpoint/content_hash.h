#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "pg/quote.h"

// The content of a table as a number of rows and a hash, the same on every server that holds the same rows, in whatever
// order they lie. docs/formats/checkpoint.md is the specification.
namespace checkpoint {

struct ContentHash {
  std::int64_t rows = 0;
  std::string sha256;  // lowercase hex
  bool operator==(const ContentHash&) const = default;
};

// Hashes all visible rows of a table with those columns that it has now, in the caller's transaction, if any: what an
// exported snapshot sees when that was set. Each row is the text of ROW(columns by name), as UTF-8, under fixed
// settings; the first 16 bytes of its SHA-256, as two numbers of 64 bits, are summed over all rows; the hash is SHA-256
// of the columns' names, the number of rows and the sums. Row security is off: a role that would not see every row gets
// kPrivilege.
ContentHash HashTable(pg::Connection& connection, const pg::QualifiedName& table);

}  // namespace checkpoint
