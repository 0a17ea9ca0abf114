#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/long_work.h"
#include "pg/connection.h"
#include "plan/step.h"

namespace run {

// How many rows the change of a data step, or its undo, has gone through, as seen from a second session while one
// statement does it: by the sequences of the images, which tell it without a transaction, and by the size of the table.
// The second session is opened when it is first asked.
class RowsDone {
 public:
  // `session`: the one that changes them, before it begins.
  RowsDone(pg::ConnectOptions connect, pg::Connection& session, const plan::DataChange& change);

  // Of so many rows at all.
  void Expect(std::int64_t rows, bool estimate);
  // Rows that no sequence counts, one by one.
  void Add() { ++others_; }
  // From another thread; throws what connecting and asking throw.
  base::LongWork::Reached Look();

 private:
  struct Counts {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;  // of the table itself
  };
  Counts Ask(pg::Connection& connection) const;

  pg::ConnectOptions connect_;
  std::string images_;  // a JSON array of tables
  std::string table_;
  Counts before_;
  std::optional<pg::Connection> other_;
  std::atomic<std::int64_t> others_ = 0;
  std::atomic<std::int64_t> of_ = 0;
  std::atomic<bool> estimate_ = false;
};

// How many rows the server thinks that a statement changes, in the caller's transaction and under its search path;
// nothing: it does not say.
std::optional<std::int64_t> EstimatedRows(pg::Connection& connection, const std::string& statement);

}  // namespace run
