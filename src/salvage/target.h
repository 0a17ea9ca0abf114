#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "pg/quote.h"
#include "plan/plan.h"
#include "stream/pgoutput.h"

// Tables of the restored server, and where the stream has their columns. A restored server is a copy, so a table has
// the same OID on both, whatever it is called meanwhile.
namespace salvage {

struct Column {
  std::string name;
  std::string type;  // without what is in parentheses, for casts that must not cut anything off
  std::uint32_t type_oid = 0;
  bool one_spelling = false;  // values that are equal are the same text
  bool in_unique = false;     // part of a unique index, so that others may refer to it
  bool additive = false;      // an integer or numeric, which applications add to: release.yaml says so
  bool decides = false;       // on the partition of a row, at any depth, on either server
  std::string sequence;       // that it owns, quoted; may be empty
};

struct Table {
  std::int64_t oid = 0;
  pg::QualifiedName name;
  bool partitioned = false;
  std::vector<Column> columns;
  std::vector<std::size_t> key;      // places among the columns; empty: none
  bool one_spelling = false;         // keys that are equal are the same text
  std::vector<plan::Pair> pairs;     // of its columns, those that are dropped too
  std::vector<bool> comparable;      // by pair: there is another side, and the restored server has the types for it
  bool unseen = false;               // see Merge
  std::set<std::string> bounds;      // of its partitions, as PostgreSQL writes them
  std::vector<std::string> lacking;  // partitions of the old server that it does not have, with their bounds

  // For FROM: rows of tables that inherit from it are not its own.
  [[nodiscard]] std::string From() const { return (partitioned ? "" : "ONLY ") + name.Sql(); }
  [[nodiscard]] std::size_t Place(const std::string& column) const;
  // For people, behind what the server said of a row; a restored server speaks English.
  [[nodiscard]] std::string Lacking(const std::string& said) const;
};

struct Targets {
  std::map<std::int64_t, std::shared_ptr<Table>> tables;  // partitions too: their root's
  // Null: the restored server has none.
  [[nodiscard]] const Table* Find(std::int64_t oid) const;
};

// `unseen`: OIDs of tables that were rewritten on the old server since.
Targets ReadTargets(pg::Connection& restored, const plan::Plan& plan, const std::set<std::int64_t>& unseen);

// Partitions that were made since, whose rows belong to a root that the restored server has; of which bounds, and by
// which columns.
void AddPartitions(Targets& targets, pg::Connection& old_server);

// Where a table's description in the stream has what is needed.
struct Shape {
  static constexpr int kNowhere = -1;
  std::vector<int> columns;              // by column of the table
  std::vector<int> others;               // by pair: the new column
  std::vector<std::vector<int>> needed;  // by pair: old, new, what `up` reads, what `down` reads
  bool keyed = false;                    // the whole key is part of what identifies rows in the stream
  std::vector<std::string> unknown;      // columns that the restored table does not have, nor an old one for
};
Shape ShapeOf(const Table& table, const stream::Relation& relation);

// Whether all types that a pair needs are there: one that the release made is not.
bool HasTypes(pg::Connection& restored, const plan::Pair& pair);

// For each pair that has a new column two expressions over `arguments`, an array of texts that has those of
// Shape::needed from `first` on: whether up(old) = new, and whether no trigger can have spoilt old. So it is where
// down(new) = old as well; and where down(new) is something else and reads no other column, or new is empty: then no
// trigger made old, and an application wrote it. That counts only where down can be evaluated on this server.
struct InStep {
  std::string follows;
  std::string agrees;
};
// `cast` writes a text as a value of a type.
using Cast = std::function<std::string(const std::string& text, const std::string& type)>;
std::string PlainCast(const std::string& text, const std::string& type);
InStep InStepOf(const plan::Pair& pair, const std::string& arguments, std::size_t first = 1,
                const Cast& cast = PlainCast);

}  // namespace salvage
