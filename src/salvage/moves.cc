#include "salvage/moves.h"

#include <string_view>
#include <vector>

#include "salvage/image.h"

namespace salvage {
namespace {

std::string KeyIn(const Table& table, const Shape& shape, const stream::Row& row) {
  std::vector<std::string_view> key;
  for (const std::size_t place : table.key) {
    const int at = shape.columns[place];
    if (at == Shape::kNowhere || row[static_cast<std::size_t>(at)].kind != stream::Value::Kind::kText) return "";
    key.push_back(row[static_cast<std::size_t>(at)].text);
  }
  return IdentityOf(key);
}

// In the columns that a partition does not change.
bool AgreeBeside(const Table& table, const std::string& one, const std::string& other) {
  const std::vector<Value> ones = KeyOf(one);
  const std::vector<Value> others = KeyOf(other);
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    if (!table.columns[table.key[i]].decides && ones.at(i) != others.at(i)) return false;
  }
  return true;
}

}  // namespace

Keys::Keys(const stream::Change& change, const Table& table, const Shape& shape)
    : before(change.old ? KeyIn(table, shape, *change.old) : ""),
      now(change.kind == stream::Change::Kind::kDelete ? "" : KeyIn(table, shape, change.row)) {}

void Moves::Begin(bool application) {
  application_ = application;
  left_.reset();
}

Keys Moves::Of(const stream::Change& change, const Table& table, const Shape& shape) {
  Keys keys(change, table, shape);
  if (!table.partitioned) return keys;
  const bool next = left_ && left_->table == &table;
  if (next && change.kind == stream::Change::Kind::kInsert && Arrives(change, keys.now)) keys.before = left_->key;
  if (next) left_.reset();
  if (change.kind == stream::Change::Kind::kDelete && !keys.before.empty()) {
    left_ = Gone{&table, change.relation->id, keys.before, !next};
  }
  return keys;
}

bool Moves::Arrives(const stream::Change& change, const std::string& now) const {
  // A publication may name the root for all partitions.
  if (left_->relation == change.relation->id && change.relation->id != left_->table->oid) return false;
  // A migration that deletes rows and inserts them anew would else mix up two of them, and with them what applications
  // did to either; of applications' own changes the end is the same.
  if (!application_ && !left_->alone) return false;
  return !now.empty() && AgreeBeside(*left_->table, left_->key, now);
}

}  // namespace salvage
