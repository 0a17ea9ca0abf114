#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "pg/quote.h"

// What a stream of changes does not show: rewrites of tables, and tables that its publications do not cover.
namespace proof {

// A table of the applications as the server keeps it, by OID.
struct Stored {
  pg::QualifiedName name;
  pg::QualifiedName root;     // of a partition; else the table itself
  std::int64_t filenode = 0;  // another one after a rewrite or a TRUNCATE
  std::set<std::string> key;  // columns of its primary key, where rows are kept whole (replica identity full)
  std::string uncovered;      // why the stream does not show all of it, a sentence without a full stop; empty: it does
};
using StoredTables = std::map<std::int64_t, Stored>;

StoredTables ReadStored(pg::Connection& connection, const std::vector<std::string>& publications);

// Why the stream does not show all of them, a sentence each; and one where the server has large objects.
std::vector<std::string> Uncovered(pg::Connection& connection, const StoredTables& tables);

// What a server tells of it.
struct Seen {
  StoredTables tables;
  std::vector<std::string> uncovered;
};
Seen See(pg::Connection& connection, const std::vector<std::string>& publications);

// Tables whose rows are kept in another file than before, by the names that they have now.
std::vector<pg::QualifiedName> Rewritten(const StoredTables& before, const StoredTables& now);

// By name: of partitions the root.
std::map<pg::QualifiedName, pg::QualifiedName> RootsOf(const StoredTables& tables);

// Columns of primary keys where rows are kept whole, by OID.
std::map<std::int64_t, std::set<std::string>> KeysOf(const StoredTables& tables);

}  // namespace proof
