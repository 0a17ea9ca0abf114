#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "salvage/target.h"
#include "stream/reader.h"

namespace salvage {

// Of the row that a change is about, which may have changed its key. Empty: it has none, then or now, that the restored
// table would know.
struct Keys {
  std::string before;
  std::string now;

  Keys(const stream::Change& change, const Table& table, const Shape& shape);
  [[nodiscard]] const std::string& First() const { return before.empty() ? now : before; }
  [[nodiscard]] bool Changed() const { return !before.empty() && !now.empty() && before != now; }
};

// Follows rows of partitioned tables: PostgreSQL deletes one that goes to another partition, and inserts it there next,
// in the same transaction. It cannot be told for certain from two rows, and is taken for one where the key columns that
// do not decide on the partition stay as they were.
class Moves {
 public:
  // A transaction begins.
  void Begin(bool application);
  // Asked in the order of the changes. An insertion that has a key before is a row that arrives, and what deleted it
  // was the change before of this table.
  Keys Of(const stream::Change& change, const Table& table, const Shape& shape);
  // Of the row that was deleted just now; null: what comes does not arrive.
  [[nodiscard]] const Table* Left() const { return left_ ? left_->table : nullptr; }

 private:
  struct Gone {
    const Table* table = nullptr;
    std::uint32_t relation = 0;
    std::string key;
    bool alone = true;  // the change before of this table was no deletion too
  };
  [[nodiscard]] bool Arrives(const stream::Change& change, const std::string& now) const;

  bool application_ = false;
  std::optional<Gone> left_;
};

}  // namespace salvage
