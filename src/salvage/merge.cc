#include "salvage/merge.h"

#include <algorithm>
#include <utility>

namespace salvage {

std::string Name(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::kColumn:
      return "column";
    case ConflictKind::kOutOfStep:
      return "out_of_step";
    case ConflictKind::kMigrationsRow:
      return "migrations_row";
    case ConflictKind::kDeletedRow:
      return "deleted_row";
    case ConflictKind::kChangedRow:
      return "changed_row";
    case ConflictKind::kExists:
      return "exists";
    case ConflictKind::kMissing:
      return "missing";
    case ConflictKind::kRefused:
      return "refused";
    case ConflictKind::kForeignKey:
      return "foreign_key";
    case ConflictKind::kMoved:
      return "moved";
  }
  return "";
}

std::string Explain(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::kColumn:
      return "the migration had changed the column in this row before the application did";
    case ConflictKind::kOutOfStep:
      return "the old and the new column do not tell the same, so the value may be that of a faulty transform";
    case ConflictKind::kMigrationsRow:
      return "the migration had inserted the row that the application changed";
    case ConflictKind::kDeletedRow:
      return "the migration had deleted the row, and an application inserted it anew";
    case ConflictKind::kChangedRow:
      return "the application deleted a row that the migration had changed";
    case ConflictKind::kExists:
      return "the application inserted the row, but the restored server has one with this key";
    case ConflictKind::kMissing:
      return "the application changed the row, but neither the restored server nor the stream has it as it was before";
    case ConflictKind::kRefused:
      return "the restored server refuses the row as the applications left it";
    case ConflictKind::kForeignKey:
      return "as the applications left the row, a row would refer to nothing";
    case ConflictKind::kMoved:
      return "the application moved the row into a table that the restored server does not have";
  }
  return "";
}

Merge::Merge(std::optional<Row> restored, std::size_t columns, bool unseen)
    : columns_(columns),
      restored_(restored.has_value()),
      unseen_(unseen),
      row_(std::move(restored)),
      base_(row_),
      foreign_(columns, unseen) {}

bool Merge::Add(const Change& change) {
  if (!change.application) {
    AddMigrations(change);
    return true;
  }
  const bool good = AddOurs(change);
  if (change.op != Change::Op::kElsewhere) {
    ++changes_;
    if (of_row_) ++whole_;
  }
  Remember(change);
  return good;
}

// What stands against the row as a whole stands against all that follows, and says what its columns would.
bool Merge::Whole(ConflictKind kind) {
  of_row_ = kind;
  of_columns_.clear();
  for (const auto& [columns, changes] : contested_) whole_ += changes;
  contested_.clear();
  return false;
}

bool Merge::AddOurs(const Change& change) {
  if (of_row_) return false;
  if (std::exchange(took_migrations_, false) && (change.arrives || change.op == Change::Op::kElsewhere)) {
    ++whole_;  // the deletion
    return Whole(ConflictKind::kMigrationsRow);
  }
  if (change.op == Change::Op::kInsert) return Insert(change);
  if (change.op == Change::Op::kElsewhere) {
    BringBack();
    return Whole(ConflictKind::kMoved);
  }
  LookBefore(change);
  if (!row_) {
    if (!base_) return Whole(ConflictKind::kMissing);
    took_migrations_ = change.op == Change::Op::kDelete;
    return took_migrations_ || Whole(ConflictKind::kMigrationsRow);
  }
  if (change.op == Change::Op::kUpdate) return Update(change);
  if (std::find(foreign_.begin(), foreign_.end(), true) != foreign_.end()) return Whole(ConflictKind::kChangedRow);
  deleted_ = std::exchange(row_, std::nullopt);
  of_columns_.clear();
  contested_.clear();
  return true;
}

// The deletion is part of a conflict, and not done.
void Merge::BringBack() {
  if (row_ || !deleted_) return;
  row_ = std::exchange(deleted_, std::nullopt);
  ++whole_;
}

bool Merge::Insert(const Change& change) {
  if (row_) return Whole(deleted_by_migration_ ? ConflictKind::kDeletedRow : ConflictKind::kExists);
  row_ = Row(columns_);
  left_out_.clear();
  for (std::size_t i = 0; i < columns_; ++i) {
    (*row_)[i] = change.cells[i].value;
    if (change.cells[i].kind != Cell::Kind::kAbsent || change.others.count(i) > 0) continue;
    if (deleted_) {
      (*row_)[i] = (*deleted_)[i];
    } else {
      left_out_.insert(i);
    }
  }
  std::set<std::size_t> contested;
  for (const auto& [column, other] : change.others) {
    const bool told = change.cells[column].kind == Cell::Kind::kValue;
    if (other.agrees && (told || other.follows)) continue;
    OutOfStep(change, column);
    if (deleted_) (*row_)[column] = (*deleted_)[column];
    contested.insert(column);
  }
  deleted_.reset();
  std::fill(foreign_.begin(), foreign_.end(), false);
  if (contested.empty()) return true;
  ++contested_[contested];
  return false;
}

// Where the row as it was differs from its latest image, somebody changed it whom the stream does not show.
void Merge::LookBefore(const Change& change) {
  if (change.before.empty() || !base_) return;
  for (std::size_t i = 0; i < columns_; ++i) {
    const Cell& cell = change.before[i];
    if (cell.kind != Cell::Kind::kValue || (*base_)[i] == cell.value) continue;
    (*base_)[i] = cell.value;
    foreign_[i] = true;
  }
}

bool Merge::Update(const Change& change) {
  std::set<std::size_t> contested;
  bool taken = false;
  for (std::size_t i = 0; i < columns_; ++i) {
    const Came came = UpdateColumn(change, i);
    if (came == Came::kConflict) contested.insert(i);
    if (came == Came::kTaken) taken = true;
  }
  if (!contested.empty()) {
    ++contested_[contested];
    return false;
  }
  if (!taken && change.unknown) ++skipped_;
  return true;
}

// A later write takes the place of those that were in conflict.
void Merge::Settle(std::size_t column) {
  if (of_columns_.erase(column) == 0) return;
  std::map<std::set<std::size_t>, std::int64_t> left;
  for (const auto& [columns, changes] : contested_) {
    std::set<std::size_t> others = columns;
    others.erase(column);
    if (!others.empty()) left[others] += changes;
  }
  contested_ = std::move(left);
}

Merge::Came Merge::UpdateColumn(const Change& change, std::size_t column) {
  const Cell& cell = change.cells[column];
  const bool changed = cell.kind == Cell::Kind::kValue && cell.value != (*base_)[column];
  bool taken = false;
  const auto other = change.others.find(column);
  if (other != change.others.end() && other->second.cell.kind == Cell::Kind::kValue) {
    const auto known = others_.find(column);
    const bool other_changed = known == others_.end() ? cell.kind == Cell::Kind::kValue && !other->second.follows
                                                      : known->second != other->second.cell.value;
    // A value that is as it was no trigger made: then the new one must come of it.
    const Other& to = other->second;
    const bool in_step = changed ? to.agrees : to.follows || (!to.cell.value && to.agrees);
    if ((changed || other_changed) && !in_step) {
      OutOfStep(change, column);
      return Came::kConflict;
    }
    taken = other_changed;
  }
  if (!changed) return taken ? Came::kTaken : Came::kNothing;
  if (foreign_[column] && (*row_)[column] == cell.value) foreign_[column] = false;  // there is nothing to decide
  if (foreign_[column]) {
    std::optional<Added> added = AddedBy(change, column);
    of_columns_[column] = {
        .kind = ConflictKind::kColumn, .column = column, .application = cell.value, .added = std::move(added)};
    return Came::kConflict;
  }
  (*row_)[column] = cell.value;
  left_out_.erase(column);
  Settle(column);
  return Came::kTaken;
}

void Merge::OutOfStep(const Change& change, std::size_t column) {
  const Cell& cell = change.cells[column];
  const bool told = cell.kind == Cell::Kind::kValue || !base_;
  of_columns_[column] = {.kind = ConflictKind::kOutOfStep,
                         .column = column,
                         .application = told ? cell.value : (*base_)[column],
                         .other = change.others.at(column).cell.value};
  if (!restored_ && cell.kind == Cell::Kind::kValue) (*row_)[column] = cell.value;
}

// With what the conflict before has of it. Of a table that was rewritten only the row before tells what was seen.
std::optional<Added> Merge::AddedBy(const Change& change, std::size_t column) const {
  const Value& saw = (*base_)[column];
  const Value& left = change.cells[column].value;
  const bool seen = !unseen_ || (!change.before.empty() && change.before[column].kind == Cell::Kind::kValue);
  if (!seen || !saw || !left) return std::nullopt;
  Added added;
  if (const auto former = of_columns_.find(column); former != of_columns_.end()) {
    if (!former->second.added) return std::nullopt;
    added = *former->second.added;
  }
  if (!added.empty() && added.back().second == *saw) {
    added.back().second = *left;
  } else {
    added.emplace_back(*saw, *left);
  }
  return added;
}

void Merge::AddMigrations(const Change& change) {
  took_migrations_ = false;
  if (change.op == Change::Op::kDelete) {
    deleted_by_migration_ = row_.has_value();
  } else {
    deleted_by_migration_ = false;
    if (change.op == Change::Op::kUpdate) LookBefore(change);
    for (std::size_t i = 0; row_ && i < columns_; ++i) {
      const Cell& cell = change.cells[i];
      if (cell.kind != Cell::Kind::kValue) continue;
      const bool changed = !base_ || (*base_)[i] != cell.value;
      if (changed) foreign_[i] = cell.value != (*row_)[i];
    }
  }
  Remember(change);
}

void Merge::Remember(const Change& change) {
  if (change.op == Change::Op::kDelete) {
    base_.reset();
    unsent_.clear();
    absent_.clear();
    others_.clear();
    return;
  }
  if (!base_ || change.op == Change::Op::kInsert) {
    base_ = Row(columns_);
    for (std::size_t i = 0; i < columns_; ++i) unsent_.insert(i);
  }
  for (std::size_t i = 0; i < columns_; ++i) {
    if (change.cells[i].kind != Cell::Kind::kValue) continue;
    (*base_)[i] = change.cells[i].value;
    unsent_.erase(i);
  }
  absent_.clear();
  for (const std::size_t i : unsent_) {
    if (change.cells[i].kind == Cell::Kind::kAbsent && change.others.count(i) == 0) absent_.insert(i);
  }
  for (const auto& [column, other] : change.others) {
    if (other.cell.kind == Cell::Kind::kValue) others_[column] = other.cell.value;
  }
}

Tally Merge::tally() const {
  Tally tally{.in_conflict = whole_, .skipped = skipped_};
  for (const auto& [columns, changes] : contested_) tally.in_conflict += changes;
  tally.applied = changes_ - tally.in_conflict - tally.skipped;
  return tally;
}

std::vector<Conflict> Merge::Conflicts() const {
  std::vector<Conflict> conflicts;
  if (of_row_) {
    conflicts.push_back({.kind = *of_row_, .application_row = base_, .unsent = unsent_, .absent = absent_});
  }
  for (const auto& [column, conflict] : of_columns_) {
    conflicts.push_back(conflict);
    if (row_) conflicts.back().restored = (*row_)[column];
  }
  return conflicts;
}

}  // namespace salvage
