#include "salvage/orphans.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/stop.h"
#include "pg/copy.h"
#include "pg/transaction.h"
#include "salvage/conflict.h"
#include "salvage/quiet.h"
#include "salvage/results.h"
#include "salvage/sql_text.h"
#include "salvage/take.h"

namespace salvage {
namespace {

struct ForeignKey {
  std::string name;
  const Table* from = nullptr;
  const Table* to = nullptr;  // null: not one of the applications'
  std::string to_sql;
  std::vector<std::string> columns;
  std::vector<std::string> target_columns;
};

std::vector<ForeignKey> ReadForeignKeys(pg::Connection& restored, const Targets& targets,
                                        const std::vector<std::int64_t>& tables) {
  std::vector<std::optional<std::string>> oids;
  for (const std::int64_t oid : tables) oids.emplace_back(std::to_string(oid));
  const pg::Result rows = restored.Query(std::string(sql_text::kReadForeignKeys), {pg::ArrayText(oids)});
  std::vector<ForeignKey> keys;
  for (int row = 0; row < rows.rows(); ++row) {
    const Table* from = targets.Find(rows.Int(row, 1));
    if (from == nullptr) continue;
    keys.push_back({.name = rows.Text(row, 0),
                    .from = from,
                    .to = targets.Find(rows.Int(row, 5)),
                    .to_sql = rows.Text(row, 4),
                    .columns = base::Json::parse(rows.Text(row, 2)),
                    .target_columns = base::Json::parse(rows.Text(row, 3))});
  }
  return keys;
}

// Rows t of the table that refer to nothing.
std::string Orphans(const ForeignKey& key) {
  std::string some;
  std::string same;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::string column = "t." + pg::Ident(key.columns[i]);
    some += fmt::format("{} IS NOT NULL AND ", column);
    same += fmt::format("{}p.{} = {}", i == 0 ? "" : " AND ", pg::Ident(key.target_columns[i]), column);
  }
  return fmt::format("{}NOT EXISTS (SELECT FROM {} AS p WHERE {})", some, key.to_sql, same);
}

// Calls `take` with the conflict of each row that refers to nothing.
void EachOrphan(pg::Connection& restored, const ForeignKey& key, const std::function<void(const base::Json&)>& take) {
  std::vector<std::string> wanted;
  for (const Column& column : key.from->columns) wanted.push_back("t." + pg::Ident(column.name));
  const pg::Result rows = restored.Query(
      fmt::format("SELECT {} FROM {} AS t WHERE {}", fmt::join(wanted, ", "), key.from->From(), Orphans(key)));
  for (int row = 0; row < rows.rows(); ++row) {
    Row orphan;
    for (int column = 0; column < rows.columns(); ++column) orphan.push_back(rows.Optional(row, column));
    take(ConflictJson(*key.from, {}, orphan, {.kind = ConflictKind::kForeignKey, .application_row = orphan}, key.name));
  }
}

std::string Identity(const ForeignKey& key) { return "key " + key.name; }

bool IsKnown(pg::Connection& restored, const ForeignKey& key, const base::Json& conflict) {
  return restored
             .Query("SELECT 1 FROM switchback_salvage.conflict WHERE relation = $1 AND identity = $2 AND body = $3",
                    {std::to_string(key.from->oid), Identity(key), conflict.dump()})
             .rows() > 0;
}

// Effect e of a decision made t refer to what it refers to.
std::string DecidedToRefer(const ForeignKey& key) {
  std::vector<std::string> parts = {"e.before IS NULL"};
  for (const std::string& column : key.columns) {
    const std::size_t place = key.from->Place(column);
    if (place == key.from->columns.size()) continue;
    parts.push_back(fmt::format("e.before[{0}] IS DISTINCT FROM e.after[{0}]", place + 1));
  }
  return fmt::format("{} AND ({})", IsRow(*key.from, "e.after"), fmt::join(parts, " OR "));
}

// Effect e of a decision took away what t refers to.
std::string DecidedAway(const ForeignKey& key) {
  std::vector<std::string> parts = {"e.before IS NOT NULL"};
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::size_t place = key.to->Place(key.target_columns[i]);
    if (place == key.to->columns.size()) return "false";
    parts.push_back(
        fmt::format("(e.before[{}])::{} = t.{}", place + 1, key.to->columns[place].type, pg::Ident(key.columns[i])));
  }
  return fmt::format("{}", fmt::join(parts, " AND "));
}

// Result r made t refer to what it refers to.
std::string Refers(const ForeignKey& key) {
  std::vector<std::string> parts = {"r.op = 'I'"};
  for (const std::string& column : key.columns) {
    const std::size_t place = key.from->Place(column);
    if (place < key.from->columns.size()) parts.push_back(fmt::format("substr(r.changed, {}, 1) = '1'", place + 1));
  }
  return fmt::format("r.op <> 'D' AND {} AND ({})", KeyIsIn(*key.from, "r.v"), fmt::join(parts, " OR "));
}

// Result r took away what t refers to.
std::string ReferredTo(const ForeignKey& key) {
  std::vector<std::string> parts = {"r.op <> 'I'"};
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const std::size_t place = key.to->Place(key.target_columns[i]);
    if (place == key.to->columns.size()) return "false";
    parts.push_back(
        fmt::format("(r.restored[{}])::{} = t.{}", place + 1, key.to->columns[place].type, pg::Ident(key.columns[i])));
  }
  return fmt::format("{}", fmt::join(parts, " AND "));
}

class TakingBack {
 public:
  TakingBack(pg::Connection& restored, std::map<std::int64_t, TableOutcome>& done)
      : restored_(restored), done_(done), quiet_(restored) {}

  // True: something was taken back, which may have left others behind.
  bool Round(const std::vector<ForeignKey>& keys) {
    const std::int64_t before = taken_;
    for (const ForeignKey& key : keys) {
      base::StopIfAsked(restored_.options().stop);
      TakeBackThose(key, key.from, Refers(key));
      if (key.to != nullptr) TakeBackThose(key, key.to, ReferredTo(key));
    }
    return taken_ > before;
  }

  void End() { quiet_.End(); }

  void Record(const ForeignKey& key, const Table& table, const base::Json& conflict) {
    restored_.Query("INSERT INTO switchback_salvage.conflict (relation, identity, body) VALUES ($1, $2, $3)",
                    {std::to_string(table.oid), Identity(key), conflict.dump()});
  }

 private:
  // The results of `table` to which `which` applies, of rows t that refer to nothing.
  void TakeBackThose(const ForeignKey& key, const Table* table, const std::string& which) {
    if (done_.count(table->oid) == 0) return;
    const pg::Result rows =
        restored_.Query(fmt::format("SELECT DISTINCT r.op, r.n FROM {} AS t JOIN {} AS r ON {} WHERE {} ORDER BY 1, 2",
                                    key.from->From(), ResultsOf(*table), which, Orphans(key)));
    for (int row = 0; row < rows.rows(); ++row) TakeBack(key, *table, rows.Text(row, 0)[0], rows.Int(row, 1));
  }

  void TakeBack(const ForeignKey& key, const Table& table, char op, std::int64_t n) {
    quiet_.Add(table);
    if (!UndoResult(restored_, table, op, n)) return;
    Withdrawn row = Withdraw(restored_, table, op, n, ConflictKind::kForeignKey, key.name);
    if (op == 'I') TakeColumnsAlong(restored_, "conflict", fmt::format("relation = {}", table.oid), row);
    Record(key, table, row.conflict);
    TableOutcome& outcome = done_.at(table.oid);
    outcome.applied -= row.changes;
    outcome.conflicts += row.changes;
    --(op == 'D' ? outcome.deleted : op == 'U' ? outcome.updated : outcome.inserted);
    restored_.Query("UPDATE switchback_salvage.done SET report = $2 WHERE relation = $1",
                    {std::to_string(table.oid), ToJson(outcome).dump()});
    ++taken_;
  }

  pg::Connection& restored_;
  std::map<std::int64_t, TableOutcome>& done_;
  Quiet quiet_;
  std::int64_t taken_ = 0;
};

}  // namespace

std::int64_t TakeBackOrphans(pg::Connection& restored, const Targets& targets, const std::vector<std::int64_t>& tables,
                             std::map<std::int64_t, TableOutcome>& done) {
  pg::Transaction transaction(restored);
  const std::vector<ForeignKey> keys = ReadForeignKeys(restored, targets, tables);
  TakingBack taking(restored, done);
  while (taking.Round(keys)) {
  }
  for (const ForeignKey& key : keys) {
    EachOrphan(restored, key, [&](const base::Json& conflict) {
      if (!IsKnown(restored, key, conflict)) taking.Record(key, *key.from, conflict);
    });
  }
  const std::int64_t left =
      restored
          .Query(
              "SELECT count(*) FROM switchback_salvage.conflict WHERE starts_with(identity, 'key ') AND taken IS NULL")
          .Int(0, 0);
  taking.End();
  base::Failpoint(base::FailpointId::kSalvageBeforeKeys);
  transaction.Commit();
  return left;
}

std::map<std::int64_t, std::string> OrphansOfDecisions(pg::Connection& restored, const Targets& targets,
                                                       const std::vector<std::int64_t>& tables) {
  std::map<std::int64_t, std::string> decisions;
  const auto look = [&](const ForeignKey& key, const Table& table, const std::string& which) {
    const pg::Result rows = restored.Query(
        fmt::format(
            "SELECT DISTINCT e.conflict FROM {} AS t JOIN switchback_salvage.effect AS e ON e.relation = $1 AND "
            "{} WHERE {}",
            key.from->From(), which, Orphans(key)),
        {std::to_string(table.oid)});
    for (int row = 0; row < rows.rows(); ++row) {
      decisions.emplace(rows.Int(row, 0),
                        fmt::format("a row of {} would refer to nothing: {}", key.from->name.Text(), key.name));
    }
    return rows.rows() > 0;
  };
  for (const ForeignKey& key : ReadForeignKeys(restored, targets, tables)) {
    base::StopIfAsked(restored.options().stop);
    if (!look(key, *key.from, DecidedToRefer(key)) && key.to != nullptr) look(key, *key.to, DecidedAway(key));
  }
  return decisions;
}

}  // namespace salvage
