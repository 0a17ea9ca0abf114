#include "salvage/apply.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/interrupt.h"
#include "pg/copy.h"
#include "pg/transaction.h"
#include "salvage/conflict.h"
#include "salvage/image.h"
#include "salvage/merge.h"
#include "salvage/refusals.h"

namespace salvage {
namespace {

constexpr const char* kMakeResults =
    "DROP TABLE IF EXISTS switchback_salvage.result, switchback_salvage.found;"
    "CREATE UNLOGGED TABLE switchback_salvage.result"
    " (op text, n int8, identity text, key text[], changes int8, changed text, v text[], restored text[]);"
    "CREATE UNLOGGED TABLE switchback_salvage.found (identity text, body text)";

std::string Joined(const std::vector<std::string>& parts, const char* by = ", ") {
  return fmt::format("{}", fmt::join(parts, by));
}

// t's key equals the array of texts `key`.
std::string KeyIs(const Table& table, const std::string& key) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const Column& column = table.columns[table.key[i]];
    parts.push_back(fmt::format("t.{} = ({}[{}])::{}", pg::Ident(column.name), key, i + 1, column.type));
  }
  return parts.empty() ? "false" : Joined(parts, " AND ");
}

// Fields: identity, application, op, image, before, whether there is a restored row, its columns, then of each pair
// whether it follows and agrees.
std::string ReadSql(const Table& table) {
  std::vector<std::string> columns;
  for (const Column& column : table.columns) columns.push_back("t." + pg::Ident(column.name));
  std::size_t before = 0;
  for (std::size_t i = 0; i < table.pairs.size(); ++i) {
    const plan::Pair& pair = table.pairs[i];
    const std::size_t count = 2 + pair.up.reads.size() + (pair.down ? pair.down->reads.size() : 0);
    const std::string arguments = fmt::format("(c.arguments[{}:{}])", before + 1, before + count);
    before += count;
    if (!table.comparable[i]) continue;
    const InStep in_step = InStepOf(pair, arguments);
    columns.push_back(fmt::format("CASE WHEN c.arguments IS NOT NULL THEN {} END", in_step.follows));
    columns.push_back(fmt::format("CASE WHEN c.arguments IS NOT NULL THEN {} END", in_step.agrees));
  }
  const std::string part = fmt::format("switchback_salvage.change_{}", table.oid);
  return fmt::format(
      "SET work_mem = '32MB'; SET jit = off; COPY (SELECT c.identity, c.application, c.op, c.image, c.before, "
      "t.tableoid IS NOT NULL, {} FROM {} AS c LEFT JOIN {} AS t ON {} "
      "WHERE c.identity IN (SELECT identity FROM {} WHERE application) "
      "ORDER BY c.identity COLLATE \"C\", c.seq) TO STDOUT",
      Joined(columns), part, table.From(), KeyIs(table, "c.key"), part);
}

// Reads what is staged of a table in the order of its rows, merges each, and writes down what is to be done.
class Merger {
 public:
  Merger(pg::Connection& restored, const Table& table)
      : table_(table),
        out_(restored.options(), ReadSql(table)),
        results_(restored.options(), "COPY switchback_salvage.result FROM STDIN"),
        found_(restored.options(), "COPY switchback_salvage.found FROM STDIN") {}

  TableOutcome Run() {
    std::int64_t rows = 0;
    while (const auto* fields = out_.Next()) {
      if (++rows % 4096 == 0) base::StopIfInterrupted();
      if (!merge_ || *fields->at(0) != identity_) Begin(*fields);
      Take(*fields);
    }
    if (merge_) End();
    results_.End();
    found_.End();
    return outcome_;
  }

  [[nodiscard]] std::int64_t Count(char op) const { return counts_.at(Place(op)); }
  // Columns that any UPDATE changes.
  [[nodiscard]] const std::set<std::size_t>& changed() const { return changed_; }

 private:
  using Fields = std::vector<std::optional<std::string>>;
  static std::size_t Place(char op) { return op == 'D' ? 0 : op == 'U' ? 1 : 2; }

  void Begin(const Fields& fields) {
    if (merge_) End();
    identity_ = *fields.at(0);
    restored_.reset();
    if (fields.at(5) == "t") {
      restored_ = Row(fields.begin() + 6, fields.begin() + 6 + static_cast<std::ptrdiff_t>(table_.columns.size()));
    }
    merge_.emplace(restored_, table_.columns.size(), table_.unseen);
    changes_ = 0;
  }

  void Take(const Fields& fields) {
    Change change;
    change.application = fields.at(1) == "t";
    change.op = fields.at(2) == "I"   ? Change::Op::kInsert
                : fields.at(2) == "U" ? Change::Op::kUpdate
                                      : Change::Op::kDelete;
    change.cells = CellsOf(*fields.at(3));
    change.before = CellsOf(*fields.at(4));
    if (change.op != Change::Op::kDelete) TakeOthers(fields, change);
    const bool good = merge_->Add(change);
    if (!change.application) return;
    if (good) ++changes_;
    ++(good ? outcome_.applied : outcome_.conflicts);
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
    const std::optional<Row>& row = merge_->row();
    const std::vector<Value> key = identity_[0] == '#' ? std::vector<Value>() : KeyOf(identity_);
    if (row && !restored_) Put('I', key, std::string(table_.columns.size(), '1'), *row);
    if (!row && restored_) Put('D', key, "", {});
    if (row && restored_ && *row != *restored_) {
      std::string changed;
      for (std::size_t i = 0; i < row->size(); ++i) changed += (*row)[i] == (*restored_)[i] ? '0' : '1';
      for (std::size_t i = 0; i < changed.size(); ++i) {
        if (changed[i] == '1') changed_.insert(i);
      }
      Put('U', key, changed, *row);
    }
    for (const Conflict& conflict : merge_->Conflicts()) {
      found_.Field(identity_).Field(ConflictJson(table_, key, row, conflict).dump());
      found_.Row();
    }
  }

  void Put(char op, const std::vector<Value>& key, const std::string& changed, const Row& row) {
    results_.Field(std::string(1, op)).Field(std::to_string(++counts_.at(Place(op)))).Field(identity_);
    results_.Field(pg::ArrayText(key)).Field(std::to_string(changes_)).Field(changed).Field(pg::ArrayText(row));
    results_.Field(restored_ ? std::optional<std::string>(pg::ArrayText(*restored_)) : std::nullopt);
    results_.Row();
  }

  const Table& table_;
  pg::CopyOut out_;
  pg::CopyIn results_;
  pg::CopyIn found_;
  std::string identity_;
  std::optional<Row> restored_;
  std::optional<Merge> merge_;
  std::int64_t changes_ = 0;  // applied ones of the row
  TableOutcome outcome_;
  std::array<std::int64_t, 3> counts_{};
  std::set<std::size_t> changed_;
};

std::string StatementFor(char op, const Table& table, const std::set<std::size_t>& changed) {
  const std::string from =
      "switchback_salvage.result AS r WHERE r.op = '" + std::string(1, op) + "' AND r.n BETWEEN $1::int8 AND $2::int8";
  const auto value = [&](std::size_t i) { return fmt::format("(r.v[{}])::{}", i + 1, table.columns[i].type); };
  std::vector<std::string> parts;
  switch (op) {
    case 'D':
      return fmt::format("DELETE FROM {} AS t USING {} AND {}", table.From(), from, KeyIs(table, "r.key"));
    case 'U':
      for (const std::size_t i : changed) {
        const std::string name = pg::Ident(table.columns[i].name);
        parts.push_back(fmt::format("{0} = CASE substr(r.changed, {1}, 1) WHEN '1' THEN {2} ELSE t.{0} END", name,
                                    i + 1, value(i)));
      }
      return fmt::format("UPDATE {} AS t SET {} FROM {} AND {}", table.From(), Joined(parts), from,
                         KeyIs(table, "r.key"));
    default: {
      std::vector<std::string> names;
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        names.push_back(pg::Ident(table.columns[i].name));
        parts.push_back(value(i));
      }
      return fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}", table.name.Sql(),
                         Joined(names), Joined(parts), from);
    }
  }
}

// A text array of the server as values.
Row RowOf(const pg::Result& result, int row, int first, std::size_t columns) {
  Row values;
  for (std::size_t i = 0; i < columns; ++i) values.push_back(result.Optional(row, first + static_cast<int>(i)));
  return values;
}

// A row that the server refuses stays as it was restored, and all its changes are conflicts.
void Refuse(pg::Connection& restored, const Table& table, char op, std::int64_t number, const std::string& said,
            TableOutcome& outcome) {
  std::vector<std::string> wanted;
  std::vector<std::string> was;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    wanted.push_back(fmt::format("v[{}]", i + 1));
    was.push_back(fmt::format("restored[{}]", i + 1));
  }
  for (std::size_t i = 0; i < table.key.size(); ++i) keys.push_back(fmt::format("key[{}]", i + 1));
  const std::size_t columns = table.columns.size();
  const pg::Result row = restored.Query(
      fmt::format("SELECT identity, changes, restored IS NOT NULL, {}, {}{}{} FROM switchback_salvage.result "
                  "WHERE op = $1 AND n = $2",
                  Joined(wanted), Joined(was), keys.empty() ? "" : ", ", Joined(keys)),
      {std::string(1, op), std::to_string(number)});
  Conflict conflict{.kind = ConflictKind::kRefused};
  if (op != 'D') conflict.application_row = RowOf(row, 0, 3, columns);
  std::vector<Value> key = RowOf(row, 0, 3 + 2 * static_cast<int>(columns), table.key.size());
  if (key.empty() || !key.front()) {
    key.clear();
    for (const std::size_t place : table.key) key.push_back((*conflict.application_row)[place]);
  }
  std::optional<Row> before;
  if (row.Bool(0, 2)) before = RowOf(row, 0, 3 + static_cast<int>(columns), columns);
  restored.Query("INSERT INTO switchback_salvage.found (identity, body) VALUES ($1, $2)",
                 {row.Text(0, 0), ConflictJson(table, key, before, conflict, said).dump()});
  outcome.applied -= row.Int(0, 1);
  outcome.conflicts += row.Int(0, 1);
}

}  // namespace

TableOutcome Apply(pg::Connection& restored, const Table& table) {
  restored.Exec(kMakeResults);
  Merger merger(restored, table);
  TableOutcome outcome = merger.Run();
  pg::Transaction transaction(restored);
  restored.Exec("ANALYZE switchback_salvage.result");
  // Rows leave before others take their place.
  for (const auto& [op, rows] :
       {std::pair{'D', &outcome.deleted}, std::pair{'U', &outcome.updated}, std::pair{'I', &outcome.inserted}}) {
    const std::int64_t count = merger.Count(op);
    if (count == 0) continue;
    const std::string statement = StatementFor(op, table, merger.changed());
    const auto run = [&](std::int64_t first, std::int64_t last) {
      const std::int64_t done = restored.Query(statement, {std::to_string(first), std::to_string(last)}).affected();
      if (done != last - first + 1) {
        throw base::Error(base::Code::kInternal, fmt::format("{} rows of {} were found in place of {}", done,
                                                             table.name.Text(), last - first + 1));
      }
    };
    const auto refused = RunAllBut(restored, count, run);
    for (const auto& [number, said] : refused) Refuse(restored, table, op, number, said, outcome);
    *rows = count - static_cast<std::int64_t>(refused.size());
  }
  restored.Query(
      "INSERT INTO switchback_salvage.conflict (relation, identity, body) "
      "SELECT $1, identity, body FROM switchback_salvage.found ORDER BY identity COLLATE \"C\"",
      {std::to_string(table.oid)});
  restored.Query("INSERT INTO switchback_salvage.done (relation, report) VALUES ($1, $2)",
                 {std::to_string(table.oid), ToJson(outcome).dump()});
  transaction.Commit();
  return outcome;
}

base::Json ToJson(const TableOutcome& outcome) {
  return {{"applied", outcome.applied},
          {"conflicts", outcome.conflicts},
          {"rows_inserted", outcome.inserted},
          {"rows_updated", outcome.updated},
          {"rows_deleted", outcome.deleted}};
}

TableOutcome OutcomeFromJson(const base::Json& json) {
  return {.applied = json.at("applied"),
          .conflicts = json.at("conflicts"),
          .inserted = json.at("rows_inserted"),
          .updated = json.at("rows_updated"),
          .deleted = json.at("rows_deleted")};
}

}  // namespace salvage
