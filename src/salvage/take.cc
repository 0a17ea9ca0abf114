#include "salvage/take.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/error.h"
#include "salvage/conflict.h"
#include "salvage/merge.h"
#include "salvage/refusals.h"
#include "salvage/results.h"

namespace salvage {
namespace {

constexpr const char* kNoData = "02000";

// Row t as an array of texts, with each value as its type writes it.
std::string ImageOf(const Table& table) {
  std::vector<std::string> values;
  for (const Column& column : table.columns) values.push_back(fmt::format("(t.{})::text", pg::Ident(column.name)));
  return fmt::format("ARRAY[{}]::text[]", fmt::join(values, ", "));
}

// A statement about one row, with its values as parameters.
class Statement {
 public:
  explicit Statement(const Table& table) : table_(table) {}

  std::string Parameter(const base::Json& value, const std::string& type) {
    params_.push_back(value.is_null() ? pg::Param() : value.get<std::string>());
    return fmt::format("(${}::text)::{}", params_.size(), type);
  }
  void Write(const std::string& column, const base::Json& value) { Write(column, Parameter(value, TypeOf(column))); }
  void Write(const std::string& column, const std::string& expression) {
    names_.push_back(pg::Ident(column));
    values_.push_back(expression);
  }
  void Find(const base::Json& key) {
    for (const auto& [column, value] : key.items()) {
      where_ += fmt::format("{}t.{} = {}", where_.empty() ? "" : " AND ", pg::Ident(column),
                            Parameter(value, TypeOf(column)));
    }
    if (where_.empty()) where_ = "false";
  }
  // A row of a table without a key.
  void FindOneLike(const Row& row) {
    std::string same;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string value = Parameter(row[i] ? base::Json(*row[i]) : base::Json(), "text");
      same += fmt::format("{}(t.{})::text IS NOT DISTINCT FROM {}", i == 0 ? "" : " AND ",
                          pg::Ident(table_.columns[i].name), value);
    }
    where_ = fmt::format("(t.tableoid, t.ctid) = (SELECT t.tableoid, t.ctid FROM {} AS t WHERE {} LIMIT 1)",
                         table_.From(), same);
  }

  [[nodiscard]] std::string Update() const {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < names_.size(); ++i) parts.push_back(names_[i] + " = " + values_[i]);
    return fmt::format("UPDATE {} AS t SET {} WHERE {}", table_.From(), fmt::join(parts, ", "), where_);
  }
  [[nodiscard]] std::string Delete() const {
    return fmt::format("DELETE FROM {} AS t WHERE {}", table_.From(), where_);
  }
  [[nodiscard]] std::string Insert() const {
    return fmt::format("INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE VALUES ({})", table_.name.Sql(),
                       fmt::join(names_, ", "), fmt::join(values_, ", "));
  }
  [[nodiscard]] bool WritesNothing() const { return names_.empty(); }

  std::int64_t Run(pg::Connection& restored, const std::string& sql) const {
    return restored.Query(sql, params_).affected();
  }
  // With its effect. The row before is read by the same key in the same snapshot.
  void RunKept(pg::Connection& restored, std::int64_t conflict, const std::string& sql, bool was, bool is) const {
    const std::string image = ImageOf(table_);
    std::string with = fmt::format("done AS ({} RETURNING {} AS image)", sql, image);
    std::string before = was ? "d.image" : "NULL";
    std::string from = "done AS d";
    if (was && is) {
      with = fmt::format("was AS (SELECT {} AS image FROM {} AS t WHERE {}), ", image, table_.From(), where_) + with;
      before = "w.image";
      from += ", was AS w";
    }
    const std::int64_t rows =
        Run(restored, fmt::format("WITH {} INSERT INTO switchback_salvage.effect (conflict, relation, before, after) "
                                  "SELECT {}, {}, {}, {} FROM {}",
                                  with, conflict, table_.oid, before, is ? "d.image" : "NULL", from));
    if (rows == 1) return;
    throw base::Error(base::Code::kStatementFailed, "the row of the conflict is not there").Sqlstate(kNoData);
  }

 private:
  [[nodiscard]] const std::string& TypeOf(const std::string& column) const {
    const std::size_t place = table_.Place(column);
    if (place < table_.columns.size()) return table_.columns[place].type;
    throw base::Error(base::Code::kStatementFailed,
                      fmt::format("{} has no column {} that can be written", table_.name.Text(), column))
        .Sqlstate("42703");
  }

  const Table& table_;
  std::vector<std::string> names_;
  std::vector<std::string> values_;
  std::string where_;
  pg::Params params_;
};

// The value as it stands, and what applications added to it.
std::string Sum(Statement& statement, const base::Json& body, const std::string& column, const std::string& type) {
  std::string sum = fmt::format("t.{}::numeric", pg::Ident(column));
  for (const base::Json& part : body.at("added")) {
    const std::string left = statement.Parameter(part.at(1), "numeric");
    sum += fmt::format(" + ({} - {})", left, statement.Parameter(part.at(0), "numeric"));
  }
  return fmt::format("({})::{}", sum, type);
}

void TakeColumn(pg::Connection& restored, const Table& table, std::int64_t conflict, const base::Json& body,
                const base::Json& take) {
  Statement statement(table);
  const std::string column = body.at("column");
  if (take == "delta") {
    statement.Write(column, Sum(statement, body, column, table.columns.at(table.Place(column)).type));
  } else {
    statement.Write(column, take.is_object() ? take.at("value") : body.at("application"));
  }
  statement.Find(body.at("key"));
  statement.RunKept(restored, conflict, statement.Update(), true, true);
}

void TakeRow(pg::Connection& restored, const Table& table, std::int64_t conflict, const base::Json& body,
             const base::Json& take) {
  Statement statement(table);
  const base::Json& before = body.at("restored");
  base::Json after = body.at("application");
  if (take.is_object()) after.update(take.at("values"));
  if (before == after) return;
  if (after.is_null()) {
    statement.Find(body.at("key"));
    return statement.RunKept(restored, conflict, statement.Delete(), true, false);
  }
  for (const auto& [column, value] : after.items()) {
    if (before.is_null() || !before.contains(column) || before.at(column) != value) statement.Write(column, value);
  }
  if (before.is_null()) {
    base::Json lacking = base::Json::array();
    const base::Json defaults = body.value("defaults", base::Json::array());
    for (const Column& column : table.columns) {
      const bool left_out = std::find(defaults.begin(), defaults.end(), column.name) != defaults.end();
      if (!after.contains(column.name) && !left_out) lacking.push_back(column.name);
    }
    if (!lacking.empty()) {
      throw base::Error(base::Code::kStatementFailed, "the stream does not have all values of the row")
          .Detail("`values` must have " + lacking.dump())
          .Sqlstate(kNoData);
    }
    return statement.RunKept(restored, conflict, statement.Insert(), false, true);
  }
  if (statement.WritesNothing()) return;
  statement.Find(body.at("key"));
  statement.RunKept(restored, conflict, statement.Update(), true, true);
}

struct Effect {
  std::int64_t n = 0;
  const Table* table = nullptr;
  std::optional<Row> before = {};
  std::optional<Row> after = {};
};

// The last ones, the last one first.
std::vector<Effect> LastEffects(pg::Connection& restored, const Targets& targets) {
  const pg::Result rows = restored.Query(
      "SELECT e.n, e.relation, e.before IS NOT NULL, e.after IS NOT NULL, u.before, u.after FROM (SELECT * FROM "
      "switchback_salvage.effect ORDER BY n DESC LIMIT 1000) AS e, unnest(e.before, e.after) WITH ORDINALITY AS "
      "u(before, after, place) ORDER BY e.n DESC, u.place");
  std::vector<Effect> effects;
  for (int row = 0; row < rows.rows(); ++row) {
    if (effects.empty() || effects.back().n != rows.Int(row, 0)) {
      effects.push_back({.n = rows.Int(row, 0), .table = targets.Find(rows.Int(row, 1))});
      if (rows.Bool(row, 2)) effects.back().before.emplace();
      if (rows.Bool(row, 3)) effects.back().after.emplace();
    }
    if (effects.back().before) effects.back().before->push_back(rows.Optional(row, 4));
    if (effects.back().after) effects.back().after->push_back(rows.Optional(row, 5));
  }
  return effects;
}

bool UndoEffect(pg::Connection& restored, const Effect& effect) {
  const Table& table = *effect.table;
  Statement statement(table);
  for (std::size_t i = 0; effect.before && i < table.columns.size(); ++i) {
    const Value& value = effect.before->at(i);
    if (!effect.after || effect.after->at(i) != value) statement.Write(table.columns[i].name, ValueJson(value));
  }
  if (!effect.after) return statement.Run(restored, statement.Insert()) == 1;
  if (effect.before && statement.WritesNothing()) return true;
  if (table.key.empty()) {
    statement.FindOneLike(*effect.after);
  } else {
    base::Json key = base::Json::object();
    for (const std::size_t place : table.key) key[table.columns[place].name] = ValueJson(effect.after->at(place));
    statement.Find(key);
  }
  return statement.Run(restored, effect.before ? statement.Update() : statement.Delete()) == 1;
}

}  // namespace

void Take(pg::Connection& restored, const Table& table, std::int64_t conflict, const base::Json& body,
          const base::Json& take) {
  (body.contains("column") ? TakeColumn : TakeRow)(restored, table, conflict, body, take);
}

void UndoEffects(pg::Connection& restored, const Targets& targets, Quiet& quiet) {
  for (;;) {
    const std::vector<Effect> effects = LastEffects(restored, targets);
    if (effects.empty()) return;
    for (const Effect& effect : effects) {
      if (effect.table == nullptr) continue;  // dropped by a hand
      quiet.Add(*effect.table);
      bool done = false;
      const auto refused =
          RunAllBut(restored, 1, [&](std::int64_t, std::int64_t) { done = UndoEffect(restored, effect); });
      if (!done || !refused.empty()) {
        CannotBeDoneAnew(*effect.table, "a row that a decision changed is not as it left it" +
                                            (refused.empty() ? std::string() : ": " + refused.begin()->second));
      }
    }
    restored.Query("DELETE FROM switchback_salvage.effect WHERE n >= $1", {std::to_string(effects.back().n)});
  }
}

std::string IsRow(const Table& table, const std::string& row) {
  if (!table.key.empty()) return KeyIsIn(table, row);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    parts.push_back(
        fmt::format("(t.{})::text IS NOT DISTINCT FROM {}[{}]", pg::Ident(table.columns[i].name), row, i + 1));
  }
  return parts.empty() ? "false" : fmt::format("{}", fmt::join(parts, " AND "));
}

void CannotBeDoneAnew(const Table& table, const std::string& why) {
  throw base::Error(base::Code::kSalvageDone,
                    fmt::format("{} cannot be put back as it was restored, for another salvage with what applications "
                                "wrote since",
                                table.name.Text()))
      .Detail(why)
      .Hint(
          "`switchback restore RELEASE --salvage --cut-over` makes another server, ends the applications' writes to "
          "the old one, and carries over all of them.");
}

}  // namespace salvage
