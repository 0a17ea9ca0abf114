#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/merge.h"
#include "salvage/target.h"

// What a salvage does to the rows of a table: one result a row, kept on the restored server with the row as it was.
// An `op` is D, U or I, and the results of one are numbered from 1.
namespace salvage {

// Its columns: op, n, identity, key, changes (how many of the applications'), changed (a 1 for each column that is
// written; a 0 of an I: its default is), v (the row as it is to be), restored (as it was; NULL: there was none). A U
// has NULL in both for columns that are not written, nor part of a unique index.
std::string ResultsOf(const Table& table);
// Empty; those of an attempt that did not come to its end are gone. It has a replica identity, for a publication of all
// tables.
void MakeResults(pg::Connection& restored, const Table& table);

// Table t has the key that stands in the array of texts `key`, or in `row`, a whole row as one.
std::string KeyIs(const Table& table, const std::string& key, const Cast& cast = PlainCast);
std::string KeyIsIn(const Table& table, const std::string& row);

// Of an array of texts that is a whole row: `column` as a value of its type.
std::string CastOf(const Table& table, const std::string& row, std::size_t column);

// Do the results from $1 to $2 of an op. `columns`: those that any U writes; `changed`: only such I.
std::string DoDeletes(const Table& table);
std::string DoUpdates(const Table& table, const std::set<std::size_t>& columns);
std::string DoInserts(const Table& table, const std::string& changed);

// Puts a row back as it was restored. Gives false where the server refuses that, or the row is not there any more.
// Inside a transaction, which goes on.
bool UndoResult(pg::Connection& restored, const Table& table, char op, std::int64_t n);
// The same for all that stand.
bool UndoResults(pg::Connection& restored, const Table& table);

// A result that does not stand: it is gone from the table of results, and its changes are a conflict.
struct Withdrawn {
  std::string identity;
  std::int64_t changes = 0;
  base::Json conflict;
};
Withdrawn Withdraw(pg::Connection& restored, const Table& table, char op, std::int64_t n, ConflictKind kind,
                   const std::string& said);

// Conflicts about columns of an inserted row that was withdrawn are none of their own any more: takes those of its
// identity in switchback_salvage.`kept`, where `which`, out of that, and the new columns that they name into its
// conflict.
void TakeColumnsAlong(pg::Connection& restored, const std::string& kept, const std::string& which, Withdrawn& row);

}  // namespace salvage
