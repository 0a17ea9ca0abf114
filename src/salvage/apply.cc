#include "salvage/apply.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/digest.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/stop.h"
#include "pg/copy.h"
#include "pg/transaction.h"
#include "salvage/conflict.h"
#include "salvage/decisions.h"
#include "salvage/exchange.h"
#include "salvage/image.h"
#include "salvage/merge.h"
#include "salvage/quiet.h"
#include "salvage/refusals.h"
#include "salvage/results.h"
#include "salvage/take.h"

namespace salvage {
namespace {

// Fields: identity, application, op, image, before, where the restored row is (NULL: there is none), its columns, then
// of each pair whether it follows and agrees.
std::string ReadSql(const Table& table, const std::string& path, const Cast& cast) {
  std::vector<std::string> columns;
  for (const Column& column : table.columns) columns.push_back("t." + pg::Ident(column.name));
  std::size_t before = 0;
  for (std::size_t i = 0; i < table.pairs.size(); ++i) {
    const plan::Pair& pair = table.pairs[i];
    const std::size_t count = 2 + pair.up.reads.size() + (pair.down ? pair.down->reads.size() : 0);
    const std::size_t first = before + 1;
    before += count;
    if (!table.comparable[i]) continue;
    const InStep in_step = InStepOf(pair, "c.arguments", first, cast);
    columns.push_back(fmt::format("CASE WHEN c.arguments IS NOT NULL THEN {} END", in_step.follows));
    columns.push_back(fmt::format("CASE WHEN c.arguments IS NOT NULL THEN {} END", in_step.agrees));
  }
  // Sorting by one text is quicker, where it tells the rows apart.
  const char* by_row = table.one_spelling
                           ? "c.identity COLLATE \"C\""
                           : "t.tableoid, t.ctid, CASE WHEN t.tableoid IS NULL THEN c.identity END COLLATE \"C\"";
  return fmt::format(
      "SELECT pg_catalog.set_config('search_path', {}, false); SET work_mem = '32MB'; SET jit = off; SET "
      "parallel_tuple_cost = 0; SET parallel_setup_cost = 0; COPY (SELECT "
      "c.identity, c.application, c.op, c.image, c.before, "
      "t.tableoid || ' ' || t.ctid, {} FROM switchback_salvage.change_{} AS c LEFT JOIN {} AS t ON {} "
      "ORDER BY {}, c.seq) TO STDOUT",
      pg::Literal(path), fmt::join(columns, ", "), table.oid, table.From(), KeyIs(table, "c.key", cast), by_row);
}

Change::Op OpOf(char op) {
  switch (op) {
    case 'A':
    case 'I':
      return Change::Op::kInsert;
    case 'D':
      return Change::Op::kDelete;
    case 'X':
      return Change::Op::kElsewhere;
    default:
      return Change::Op::kUpdate;
  }
}

std::size_t Place(char op) { return op == 'D' ? 0 : op == 'U' ? 1 : 2; }

// What there is to do in a table.
struct Merged {
  TableOutcome outcome;
  std::array<std::int64_t, 3> counts{};  // of results, by Place
  std::set<std::size_t> changed;         // columns that any U writes
  std::set<std::string> inserted;        // `changed` of the results I
};

// A row whose changes are merged. Keys that are equal may be written in more than one way: 1.0 and 1.00.
struct Merging {
  std::vector<std::string> identities;  // the first one is its own
  std::optional<Row> restored;
  Merge merge;
};

// Reads what is staged of a table in the order of its rows, merges each, and writes down what is to be done.
class Merger {
 public:
  Merger(pg::Connection& restored, const Table& table, const Cast& cast)
      : table_(table),
        stop_(restored.options().stop),
        out_(restored.options(), ReadSql(table, restored.Query("SHOW search_path").Text(0, 0), cast)),
        results_(restored.options(), fmt::format("COPY {} FROM STDIN", ResultsOf(table))),
        found_(restored.options(), "COPY switchback_salvage.found FROM STDIN") {}

  Merged Run(base::LongWork& work) {
    std::int64_t rows = 0;
    while (const auto* fields = out_.Next()) {
      if (++rows % 4096 == 0) base::StopIfAsked(stop_);
      work.At(rows);
      if (rows_.empty() || !IsAtSamePlace(*fields)) Begin(*fields);
      Take(*fields);
    }
    End();
    results_.End();
    found_.End();
    return merged_;
  }

 private:
  using Fields = std::vector<std::optional<std::string>>;

  [[nodiscard]] bool IsAtSamePlace(const Fields& fields) const {
    return fields.at(5) == place_ && (place_ || *fields.at(0) == rows_.front().identities.front());
  }

  void Begin(const Fields& fields) {
    End();
    place_ = fields.at(5);
    std::optional<Row> restored;
    if (place_) {
      restored = Row(fields.begin() + 6, fields.begin() + 6 + static_cast<std::ptrdiff_t>(table_.columns.size()));
    }
    Open(*fields.at(0), std::move(restored));
  }

  Merging& Open(const std::string& identity, std::optional<Row> restored) {
    Merge merge(restored, table_.columns.size(), table_.unseen);
    return rows_.emplace_back(
        Merging{.identities = {identity}, .restored = std::move(restored), .merge = std::move(merge)});
  }

  // A row that is inserted while the one with an equal key stands, which then has another key by now, is a new one.
  Merging& RowOf(const std::string& identity, Change::Op op) {
    for (Merging& row : rows_) {
      if (std::find(row.identities.begin(), row.identities.end(), identity) != row.identities.end()) return row;
    }
    if (op == Change::Op::kInsert && rows_.back().merge.Stands()) return Open(identity, std::nullopt);
    rows_.back().identities.push_back(identity);
    return rows_.back();
  }

  void Take(const Fields& fields) {
    Change change;
    change.application = fields.at(1) == "t";
    change.op = OpOf(fields.at(2)->at(0));
    change.arrives = fields.at(2) == "A";
    change.unknown = fields.at(2) == "u";
    change.cells = CellsOf(*fields.at(3));
    change.before = CellsOf(*fields.at(4));
    if (change.op != Change::Op::kDelete) TakeOthers(fields, change);
    RowOf(*fields.at(0), change.op).merge.Add(change);
  }

  void TakeOthers(const Fields& fields, Change& change) {
    std::size_t field = 6 + table_.columns.size();
    for (std::size_t i = 0; i < table_.pairs.size(); ++i) {
      Other& other = change.others[table_.Place(table_.pairs[i].old_name)];
      other.cell = change.cells.at(table_.columns.size() + i);
      if (!table_.comparable[i]) continue;
      other.follows = fields.at(field++) == "t";
      other.agrees = fields.at(field++) == "t";
    }
    change.cells.resize(table_.columns.size());
    std::erase_if(change.others, [](const auto& other) { return other.second.cell.kind == Cell::Kind::kAbsent; });
  }

  void End() {
    for (const Merging& row : rows_) End(row);
    rows_.clear();
  }

  void End(const Merging& merging) {
    const Tally tally = merging.merge.tally();
    merged_.outcome.applied += tally.applied;
    merged_.outcome.conflicts += tally.in_conflict;
    merged_.outcome.skipped += tally.skipped;
    const std::optional<Row>& row = merging.merge.row();
    const std::optional<Row>& restored = merging.restored;
    const std::string& identity = merging.identities.front();
    std::vector<Value> key;
    if (restored) {
      for (const std::size_t column : table_.key) key.push_back((*restored)[column]);
    } else if (identity[0] != '#') {
      key = KeyOf(identity);
    }
    if (row && !restored) {
      std::string given(table_.columns.size(), '1');
      for (const std::size_t i : merging.merge.left_out()) given[i] = '0';
      merged_.inserted.insert(given);
      Put('I', merging, key, given, *row, std::nullopt);
    }
    if (!row && restored) Put('D', merging, key, "", {}, restored);
    if (row && restored && *row != *restored) {
      std::string changed;
      for (std::size_t i = 0; i < row->size(); ++i) changed += (*row)[i] == (*restored)[i] ? '0' : '1';
      for (std::size_t i = 0; i < changed.size(); ++i) {
        if (changed[i] == '1') merged_.changed.insert(i);
      }
      Put('U', merging, key, changed, Narrow(*row, changed), Narrow(*restored, changed));
    }
    for (const Conflict& conflict : merging.merge.Conflicts()) {
      found_.Field(identity).Field(ConflictJson(table_, key, row, conflict).dump());
      found_.Row();
    }
  }

  // What an update needs of a row: see ResultsOf.
  [[nodiscard]] Row Narrow(const Row& row, const std::string& changed) const {
    Row narrow(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (changed[i] == '1' || table_.columns[i].in_unique) narrow[i] = row[i];
    }
    return narrow;
  }

  void Put(char op, const Merging& merging, const std::vector<Value>& key, const std::string& changed, const Row& row,
           const std::optional<Row>& restored) {
    results_.Field(std::string(1, op)).Field(std::to_string(++merged_.counts.at(Place(op))));
    results_.Field(merging.identities.front())
        .Field(pg::ArrayText(key))
        .Field(std::to_string(merging.merge.tally().applied));
    results_.Field(changed).Field(pg::ArrayText(row));
    results_.Field(restored ? std::optional<std::string>(pg::ArrayText(*restored)) : std::nullopt);
    results_.Row();
  }

  const Table& table_;
  const base::Stop stop_;
  pg::CopyOut out_;
  pg::CopyIn results_;
  pg::CopyIn found_;
  std::optional<std::string> place_;  // of the restored row
  std::vector<Merging> rows_;         // at that place; without one, one row
  Merged merged_;
};

// Values that the restored server's types do not take, of an enum or a domain that was changed since, are none there.
// Immutable, or a join on it would be a nested loop.
std::string GuardedCast(pg::Connection& restored, const std::string& text, const std::string& type) {
  const std::string function = "switchback_salvage." + pg::Ident("as " + base::Sha256Hex(type).substr(0, 16));
  ExecQuietly(
      restored,
      fmt::format("CREATE OR REPLACE FUNCTION {0}(text) RETURNS {1} LANGUAGE plpgsql IMMUTABLE AS $switchback$ BEGIN "
                  "RETURN $1::{1}; "
                  "EXCEPTION WHEN OTHERS THEN RETURN NULL; END $switchback$",
                  function, type));
  return fmt::format("{}({})", function, text);
}

Merged MergeAnyhow(pg::Connection& restored, const Table& table, base::LongWork& work) {
  const auto merge = [&](const Cast& cast) {
    MakeResults(restored, table);
    ExecQuietly(restored,
                "DROP TABLE IF EXISTS switchback_salvage.found;"
                "CREATE UNLOGGED TABLE switchback_salvage.found (identity text, body text)");
    return Merger(restored, table, cast).Run(work);
  };
  try {
    return merge(PlainCast);
  } catch (const base::Error& error) {
    if (!IsRefusal(error)) throw;
  }
  return merge([&](const std::string& text, const std::string& type) { return GuardedCast(restored, text, type); });
}

std::vector<std::string> StatementsOf(const Table& table, char op, const Merged& merged) {
  if (op == 'D') return {DoDeletes(table)};
  if (op == 'U') return {DoUpdates(table, merged.changed)};
  std::vector<std::string> statements;
  for (const std::string& given : merged.inserted) statements.push_back(DoInserts(table, given));
  return statements;
}

}  // namespace

TableOutcome Apply(pg::Connection& restored, const Table& table, pg::Lsn through, base::LongWork& work) {
  const Merged merged = MergeAnyhow(restored, table, work);
  work.Next("writing the rows of " + table.name.Text());
  TableOutcome outcome = merged.outcome;
  pg::Transaction transaction(restored);
  Quiet quiet(restored);
  quiet.Add(table);
  restored.Exec(fmt::format("SET LOCAL work_mem = '32MB'; ANALYZE {} (op, n)", ResultsOf(table)));
  const std::int64_t results = std::accumulate(merged.counts.begin(), merged.counts.end(), std::int64_t{0});
  std::int64_t written = 0;
  // Rows leave before others take their place.
  for (const auto& [op, rows] :
       {std::pair{'D', &outcome.deleted}, std::pair{'U', &outcome.updated}, std::pair{'I', &outcome.inserted}}) {
    const std::int64_t count = merged.counts.at(Place(op));
    if (count == 0) continue;
    const std::vector<std::string> statements = StatementsOf(table, op, merged);
    const auto run = [&](std::int64_t first, std::int64_t last) {
      std::int64_t done = 0;
      for (const std::string& statement : statements) {
        done += restored.Query(statement, {std::to_string(first), std::to_string(last)}).affected();
      }
      if (done != last - first + 1) {
        throw base::Error(base::Code::kInternal, fmt::format("{} rows of {} were found in place of {}", done,
                                                             table.name.Text(), last - first + 1));
      }
      work.At(written += done, results);
    };
    // Where not all are taken, they are looked for by their numbers, many times.
    const auto prepare = [&] {
      restored.Exec(fmt::format("CREATE INDEX IF NOT EXISTS numbers_{} ON {} (op, n)", table.oid, ResultsOf(table)));
    };
    auto refused = RunAllBut(restored, count, run, prepare);
    if (op == 'U') Exchange(restored, table, "r.v", KeyIs(table, "r.key"), refused);
    // A row that the server refuses stays as it was restored.
    for (const auto& [number, said] : refused) {
      Withdrawn row = Withdraw(restored, table, op, number, ConflictKind::kRefused, said + table.Lacking(said));
      if (op == 'I') TakeColumnsAlong(restored, "found", "true", row);
      restored.Query("INSERT INTO switchback_salvage.found (identity, body) VALUES ($1, $2)",
                     {row.identity, row.conflict.dump()});
      outcome.applied -= row.changes;
      outcome.conflicts += row.changes;
    }
    *rows = count - static_cast<std::int64_t>(refused.size());
  }
  restored.Query(
      "INSERT INTO switchback_salvage.conflict (relation, identity, body) "
      "SELECT $1, identity, body FROM switchback_salvage.found ORDER BY identity COLLATE \"C\", "
      "(body::json -> 'column') IS NULL",
      {std::to_string(table.oid)});
  restored.Query("INSERT INTO switchback_salvage.done (relation, through, report) VALUES ($1, $2, $3)",
                 {std::to_string(table.oid), through.Text(), ToJson(outcome).dump()});
  quiet.End();
  base::Failpoint(base::FailpointId::kSalvageBeforeTable);
  transaction.Commit();
  return outcome;
}

void Reopen(pg::Connection& restored, const Targets& targets, const std::vector<const Table*>& tables) {
  if (tables.empty() && !AnyEffect(restored)) return;
  pg::Transaction transaction(restored);
  Quiet quiet(restored);
  TakeBackDecisions(restored, targets, quiet);
  for (const Table* table : tables) {
    quiet.Add(*table);
    if (!UndoResults(restored, *table)) CannotBeDoneAnew(*table, "the server does not take all rows as they were");
    for (const char* kept : {"conflict", "done"}) {
      restored.Query(fmt::format("DELETE FROM switchback_salvage.{} WHERE relation = $1", kept),
                     {std::to_string(table->oid)});
    }
  }
  quiet.End();
  base::Failpoint(base::FailpointId::kSalvageBeforeReopen);
  transaction.Commit();
}

base::Json ToJson(const TableOutcome& outcome) {
  return {{"applied", outcome.applied},        {"conflicts", outcome.conflicts},  {"skipped", outcome.skipped},
          {"rows_inserted", outcome.inserted}, {"rows_updated", outcome.updated}, {"rows_deleted", outcome.deleted}};
}

TableOutcome OutcomeFromJson(const base::Json& json) {
  return {.applied = json.at("applied"),
          .conflicts = json.at("conflicts"),
          .skipped = json.value("skipped", std::int64_t{0}),
          .inserted = json.at("rows_inserted"),
          .updated = json.at("rows_updated"),
          .deleted = json.at("rows_deleted")};
}

}  // namespace salvage
