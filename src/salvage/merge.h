#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

// What an application did to one row, carried over to the row as it was restored. Pure.
namespace salvage {

// As PostgreSQL writes it; nothing: NULL.
using Value = std::optional<std::string>;
// By the columns of the restored table.
using Row = std::vector<Value>;

// What the stream tells of one column.
struct Cell {
  enum class Kind {
    kValue,
    kSame,   // not sent, because it was not touched
    kAbsent  // the table had no such column at that time
  };
  Kind kind = Kind::kAbsent;
  Value value = {};
  bool operator==(const Cell&) const = default;
};

// The column that takes the place of an old one, kept in step with it by triggers inside the applications'
// transactions.
struct Other {
  Cell cell = {};
  bool follows = false;  // up(old) = new
  bool agrees = false;   // no trigger can have spoilt the old value: see InStep
};

struct Change {
  // kElsewhere: with the delete before it the row went into a table that the restored server does not have. It counts
  // for no change of its own.
  enum class Op { kInsert, kUpdate, kDelete, kElsewhere };
  Op op = Op::kInsert;
  bool application = true;                   // else the migration
  bool arrives = false;                      // of a kInsert: the row comes from where the change before deleted it
  bool unknown = false;                      // the table had columns that are none of these, nor of `others`
  std::vector<Cell> cells = {};              // by column; of a kDelete empty
  std::map<std::size_t, Other> others = {};  // by column, of those that are in step with another one
  std::vector<Cell> before = {};             // where the whole row as it was is sent; else empty
};

enum class ConflictKind {
  kColumn,         // the migration had changed this column of the row before
  kOutOfStep,      // the old and the new column do not tell the same: a trigger may have made the value
  kMigrationsRow,  // the migration had inserted the row
  kDeletedRow,     // the migration had deleted the row, and an application inserted it anew
  kChangedRow,     // an application deleted a row that the migration had changed
  kExists,         // an application inserted it, but the restored server has such a row
  kMissing,        // an application changed it, but the restored server has no such row
  kRefused,        // the restored server refuses it
  kForeignKey,     // with it, a row would refer to nothing
  kMoved,          // an application moved it into a table that the restored server does not have
};
inline constexpr std::array kConflictKinds = {
    ConflictKind::kColumn,     ConflictKind::kOutOfStep, ConflictKind::kMigrationsRow, ConflictKind::kDeletedRow,
    ConflictKind::kChangedRow, ConflictKind::kExists,    ConflictKind::kMissing,       ConflictKind::kRefused,
    ConflictKind::kForeignKey, ConflictKind::kMoved};
// A word, for files and commands, where it is called the cause; and a sentence without a full stop.
std::string Name(ConflictKind kind);
std::string Explain(ConflictKind kind);

// What applications added to a value, as [what they saw, what they left], where somebody else wrote in between.
using Added = std::vector<std::pair<std::string, std::string>>;

struct Conflict {
  ConflictKind kind = ConflictKind::kColumn;
  std::optional<std::size_t> column = {};  // nothing: it is about the whole row
  Value restored = {};                     // of the column
  Value application = {};
  Value other = {};                         // kOutOfStep: the new column
  std::optional<Added> added = {};          // kColumn, where the stream has all of it
  std::optional<Row> application_row = {};  // about the whole row: as the applications left it; nothing: deleted
  std::set<std::size_t> unsent = {};        // of application_row: the stream does not have the value
  std::set<std::size_t> absent = {};        // of these: because the table has no such column any more
  bool operator==(const Conflict&) const = default;
};

// What came of applications' changes of a row.
struct Tally {
  std::int64_t applied = 0;
  std::int64_t in_conflict = 0;  // with conflicts that stand
  std::int64_t skipped = 0;      // they changed nothing but columns that the restored table does not have
};

// Takes the changes of one row in the order of their commits. An application's change counts only where its image
// differs from the latest earlier image of the row in the stream, whosever that was, else from the restored row: what
// an image carries unchanged may be the migration's. A column that the migration changed earlier is left as restored,
// and an application's change of it is a conflict, until a later write settles it; so is all that builds upon rows that
// the migration inserted or deleted. What deleted a row only to insert it in a way that is a conflict has not deleted
// it. A row that an application inserted is taken with what it has, also where a column of it is a conflict.
class Merge {
 public:
  // `unseen`: the table was rewritten, so that nobody knows what changed outside the stream: no value that differs from
  // the restored one is an application's for certain.
  Merge(std::optional<Row> restored, std::size_t columns, bool unseen = false);

  // False: the application's change is, in whole or in part, a conflict.
  bool Add(const Change& change);
  [[nodiscard]] Tally tally() const;

  // By what the stream tells, the row is there.
  [[nodiscard]] bool Stands() const { return base_.has_value(); }
  // The row with what was carried over.
  [[nodiscard]] const std::optional<Row>& row() const { return row_; }
  // Columns of a row that applications inserted, to which the stream gives no value because the table had none such.
  [[nodiscard]] const std::set<std::size_t>& left_out() const { return left_out_; }
  // Either one for the whole row, or one for a column each.
  [[nodiscard]] std::vector<Conflict> Conflicts() const;

 private:
  bool Whole(ConflictKind kind);
  bool AddOurs(const Change& change);
  void AddMigrations(const Change& change);
  bool Insert(const Change& change);
  bool Update(const Change& change);
  enum class Came { kNothing, kTaken, kConflict };
  Came UpdateColumn(const Change& change, std::size_t column);
  void OutOfStep(const Change& change, std::size_t column);
  [[nodiscard]] std::optional<Added> AddedBy(const Change& change, std::size_t column) const;
  void Settle(std::size_t column);
  void BringBack();
  void LookBefore(const Change& change);
  void Remember(const Change& change);

  std::size_t columns_;
  bool restored_;                 // the restored server has the row
  bool unseen_;                   // see the constructor
  std::optional<Row> row_;        // restored, with what applications did
  std::optional<Row> base_;       // the latest image
  std::set<std::size_t> unsent_;  // of base_: nothing that the stream has tells the value
  std::set<std::size_t> absent_;  // of these: the table has no such column
  std::optional<Row> deleted_;    // row_, before an application deleted it
  std::set<std::size_t> left_out_;
  std::vector<bool> foreign_;            // by column: the latest image has a value that no application gave it
  std::map<std::size_t, Value> others_;  // the latest image of the new columns
  std::map<std::size_t, Conflict> of_columns_;
  std::optional<ConflictKind> of_row_;
  bool deleted_by_migration_ = false;
  bool took_migrations_ = false;                             // the change before: an application deleted its row
  std::int64_t changes_ = 0;                                 // of applications
  std::int64_t skipped_ = 0;                                 // of them
  std::int64_t whole_ = 0;                                   // of them: in conflict with the whole row
  std::map<std::set<std::size_t>, std::int64_t> contested_;  // of them: in conflict with these columns, which stand
};

}  // namespace salvage
