#include "stream/reader.h"

#include <fmt/core.h>

#include <chrono>
#include <functional>
#include <utility>

#include "base/error.h"
#include "stream/bytes.h"

namespace stream {
namespace {

base::Time TimeOf(std::int64_t since_2000) {
  const auto time = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1) + std::chrono::microseconds(since_2000);
  return std::chrono::time_point_cast<base::Time::duration>(time);
}

}  // namespace

Reader::Reader(const std::filesystem::path& state, const std::string& slot, Known known)
    : directory_(SpoolDirectory(state, slot)), known_(std::move(known)), place_(ReadPlace(directory_)) {
  Rewind();
}

void Reader::Rewind() {
  if (place_) index_ = std::make_unique<Piecewise>(directory_ / "index", 0, place_->index);
  seen_.clear();
}

std::optional<Transaction> Reader::Next() {
  const std::optional<std::string_view> text = index_ ? index_->Next() : std::nullopt;
  if (!text) return std::nullopt;
  Transaction transaction;
  try {
    Entry entry = DecodeEntry(*text);
    transaction.commit = entry.commit;
    transaction.end = entry.end;
    transaction.time = TimeOf(entry.time);
    transaction.xid = entry.xid;
    transaction.origin = entry.origin;
    transaction.changes = entry.changes;
    transaction.offset = entry.offset;
    transaction.bytes = entry.bytes;
    for (const Writes& writes : entry.writes) {
      transaction.tables.push_back({.name = RelationAt(writes.described_at)->name, .writes = writes});
    }
    Judge(entry, transaction);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kStreamMalformed) throw;
    throw base::Error(base::Code::kSpoolBroken,
                      fmt::format("an entry of {} is broken", (directory_ / "index").string()))
        .Detail(error.detail());
  }
  return transaction;
}

// A tag counts where nothing stands before it. One that is late, or was read off the log and used again, does not.
void Reader::Judge(Entry& entry, Transaction& transaction) {
  if (entry.marks == 0) return;
  if (std::optional<journal::Tag> tag = journal::ReadTag(known_.keys, entry.mark.content)) {
    const bool fresh = seen_.insert(std::hash<std::string>()(entry.mark.content)).second;
    if (entry.mark.first && fresh) {
      transaction.whose = tag->release == known_.release ? Whose::kMigration : Whose::kRelease;
      transaction.tag = *std::move(tag);
      return;
    }
  }
  transaction.whose = Whose::kUnverified;
  transaction.message = std::move(entry.mark.content);
}

std::shared_ptr<const Relation> Reader::RelationAt(std::uint64_t offset) {
  std::shared_ptr<const Relation>& known = relations_[offset];
  if (known) return known;
  if (offset >= place_->messages) Bytes::Malformed("a table is described behind the end");
  Piecewise messages(directory_ / "messages", offset, place_->messages);
  Message message = Decode(messages.Next().value_or(""));
  auto* relation = std::get_if<Relation>(&message);
  if (relation == nullptr) Bytes::Malformed("a table is not described where it should be");
  known = std::make_shared<const Relation>(std::move(*relation));
  return known;
}

Changes Reader::ChangesOf(const Transaction& transaction) {
  std::unordered_map<std::uint32_t, std::shared_ptr<const Relation>> relations;
  for (const Transaction::Table& table : transaction.tables) {
    relations[table.writes.relation] = RelationAt(table.writes.described_at);
  }
  return {directory_ / "messages", transaction, std::move(relations)};
}

Changes::Changes(const std::filesystem::path& messages, const Transaction& transaction,
                 std::unordered_map<std::uint32_t, std::shared_ptr<const Relation>> relations)
    : messages_(std::make_unique<Piecewise>(messages, transaction.offset, transaction.offset + transaction.bytes)),
      relations_(std::move(relations)) {}

const Relation* Changes::RelationOf(std::uint32_t id) const {
  const auto found = relations_.find(id);
  if (found == relations_.end()) Bytes::Malformed("a change is of a table that was not described");
  return found->second.get();
}

const Change* Changes::Next() {
  const auto row_fits = [](const Relation& relation, const Row& row) {
    if (row.size() != relation.columns.size()) Bytes::Malformed("a row has other columns than its table");
  };
  while (const std::optional<std::string_view> text = messages_->Next()) {
    Message message = Decode(*text);
    change_ = {};
    if (auto* relation = std::get_if<Relation>(&message)) {
      std::shared_ptr<const Relation>& known = relations_[relation->id];
      if (known) former_.push_back(std::move(known));
      known = std::make_shared<const Relation>(std::move(*relation));
      continue;
    }
    if (auto* insert = std::get_if<Insert>(&message)) {
      change_.relation = RelationOf(insert->relation);
      change_.row = std::move(insert->row);
    } else if (auto* update = std::get_if<Update>(&message)) {
      change_.kind = Change::Kind::kUpdate;
      change_.relation = RelationOf(update->relation);
      change_.old_is_row = update->old_is_row;
      change_.old = std::move(update->old);
      change_.row = std::move(update->row);
    } else if (auto* gone = std::get_if<Delete>(&message)) {
      change_.kind = Change::Kind::kDelete;
      change_.relation = RelationOf(gone->relation);
      change_.old_is_row = gone->old_is_row;
      change_.old = std::move(gone->old);
    } else if (const auto* truncate = std::get_if<Truncate>(&message)) {
      change_.kind = Change::Kind::kTruncate;
      for (const std::uint32_t id : truncate->relations) change_.truncated.push_back(RelationOf(id));
      if (change_.truncated.empty()) Bytes::Malformed("a truncate names no table");
      change_.relation = change_.truncated.front();
      return &change_;
    } else {
      Bytes::Malformed("a message that is no change stands among them");
    }
    if (change_.old) row_fits(*change_.relation, *change_.old);
    if (change_.kind != Change::Kind::kDelete) row_fits(*change_.relation, change_.row);
    return &change_;
  }
  return nullptr;
}

}  // namespace stream
