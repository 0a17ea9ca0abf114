#include "salvage/results.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.h"
#include "pg/copy.h"
#include "salvage/conflict.h"
#include "salvage/exchange.h"
#include "salvage/quiet.h"
#include "salvage/refusals.h"

namespace salvage {
namespace {

std::string Joined(const std::vector<std::string>& parts, const char* by = ", ") {
  return fmt::format("{}", fmt::join(parts, by));
}

// `given`: a 1 for each column that has a value.
std::string InsertFrom(const Table& table, const std::string& row, const std::string& from, const std::string& given) {
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (given[i] != '1') continue;
    names.push_back(pg::Ident(table.columns[i].name));
    values.push_back(CastOf(table, row, i));
  }
  return fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}", table.name.Sql(), Joined(names),
                     Joined(values), from);
}

// Those of the columns that the result itself changed.
std::string UpdateFrom(const Table& table, const std::set<std::size_t>& columns, const std::string& row,
                       const std::string& from, const std::string& key) {
  std::vector<std::string> parts;
  for (const std::size_t i : columns) {
    parts.push_back(fmt::format("{0} = CASE substr(r.changed, {1}, 1) WHEN '1' THEN {2} ELSE t.{0} END",
                                pg::Ident(table.columns[i].name), i + 1, CastOf(table, row, i)));
  }
  return fmt::format("UPDATE {} AS t SET {} FROM {} AND {}", table.From(), Joined(parts), from, key);
}

std::string FromResults(const Table& table, char op) {
  return fmt::format("{} AS r WHERE r.op = '{}' AND r.n BETWEEN $1::int8 AND $2::int8", ResultsOf(table), op);
}

// Of an array that came a row an element: a row of a table may have more columns than two would fit into one result.
Row ColumnOf(const pg::Result& rows, int column, std::size_t elements) {
  Row values;
  for (int row = 0; row < rows.rows() && values.size() < elements; ++row) values.push_back(rows.Optional(row, column));
  return values;
}

// The row of the table that has the key.
Row Standing(pg::Connection& restored, const Table& table, const std::vector<Value>& key) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back("t." + pg::Ident(column.name));
  const pg::Result rows = restored.Query(
      fmt::format("SELECT {} FROM {} AS t WHERE {}", Joined(names), table.From(), KeyIs(table, "($1::text[])")),
      {pg::ArrayText(key)});
  if (rows.rows() != 1) {
    throw base::Error(base::Code::kInternal, fmt::format("a row of {} is not where it was", table.name.Text()));
  }
  Row row;
  for (int column = 0; column < rows.columns(); ++column) row.push_back(rows.Optional(0, column));
  return row;
}

// `columns`: those that any of the results changed.
std::string UndoSql(const Table& table, char op, const std::set<std::size_t>& columns) {
  const std::string from = FromResults(table, op);
  switch (op) {
    case 'D':
      return InsertFrom(table, "r.restored", from, std::string(table.columns.size(), '1'));
    case 'U':
      return UpdateFrom(table, columns, "r.restored", from, KeyIsIn(table, "r.v"));
    default:
      return fmt::format("DELETE FROM {} AS t USING {} AND {}", table.From(), from, KeyIsIn(table, "r.v"));
  }
}

// The columns that results from `first` to `last` changed.
std::set<std::size_t> ChangedIn(pg::Connection& restored, const Table& table, std::int64_t first, std::int64_t last) {
  const pg::Result rows =
      restored.Query(fmt::format("SELECT DISTINCT changed FROM {} WHERE op = 'U' AND n BETWEEN $1::int8 AND $2::int8",
                                 ResultsOf(table)),
                     {std::to_string(first), std::to_string(last)});
  std::set<std::size_t> columns;
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string changed = rows.Text(row, 0);
    for (std::size_t i = 0; i < changed.size(); ++i) {
      if (changed[i] == '1') columns.insert(i);
    }
  }
  return columns;
}

// Of a table without a key salvage inserts rows, and no more: as many of each as it inserted go again.
std::string UndoInsertsSql(const Table& table) {
  std::vector<std::string> here;
  std::vector<std::string> wanted;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    here.push_back("t." + pg::Ident(table.columns[i].name));
    wanted.push_back(CastOf(table, "r.v", i));
  }
  return fmt::format(
      "WITH wanted AS (SELECT ROW({0})::text AS image, count(*) AS n FROM {1} AS r GROUP BY 1), "
      "here AS (SELECT t.tableoid AS relation, t.ctid AS place, ROW({2})::text AS image, "
      "row_number() OVER (PARTITION BY ROW({2})::text) AS n FROM {3} AS t) "
      "DELETE FROM {3} AS t USING here AS h JOIN wanted AS w ON h.image = w.image AND h.n <= w.n "
      "WHERE t.tableoid = h.relation AND t.ctid = h.place",
      Joined(wanted), ResultsOf(table), Joined(here), table.From());
}

}  // namespace

std::string ResultsOf(const Table& table) { return fmt::format("switchback_salvage.result_{}", table.oid); }

std::string CastOf(const Table& table, const std::string& row, std::size_t column) {
  return fmt::format("({}[{}])::{}", row, column + 1, table.columns[column].type);
}

void MakeResults(pg::Connection& restored, const Table& table) {
  ExecQuietly(
      restored,
      fmt::format(
          "DROP TABLE IF EXISTS {0}; CREATE TABLE {0} (op text, n int8, identity text, key text[], changes int8, "
          "changed text, v text[], restored text[]); ALTER TABLE {0} REPLICA IDENTITY FULL",
          ResultsOf(table)));
}

std::string KeyIs(const Table& table, const std::string& key, const Cast& cast) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const Column& column = table.columns[table.key[i]];
    parts.push_back(
        fmt::format("t.{} = {}", pg::Ident(column.name), cast(fmt::format("{}[{}]", key, i + 1), column.type)));
  }
  return parts.empty() ? "false" : Joined(parts, " AND ");
}

std::string KeyIsIn(const Table& table, const std::string& row) {
  std::vector<std::string> parts;
  for (const std::size_t place : table.key) {
    parts.push_back(fmt::format("t.{} = {}", pg::Ident(table.columns[place].name), CastOf(table, row, place)));
  }
  return parts.empty() ? "false" : Joined(parts, " AND ");
}

std::string DoDeletes(const Table& table) {
  return fmt::format("DELETE FROM {} AS t USING {} AND {}", table.From(), FromResults(table, 'D'),
                     KeyIs(table, "r.key"));
}

std::string DoUpdates(const Table& table, const std::set<std::size_t>& columns) {
  return UpdateFrom(table, columns, "r.v", FromResults(table, 'U'), KeyIs(table, "r.key"));
}

std::string DoInserts(const Table& table, const std::string& changed) {
  return InsertFrom(table, "r.v", fmt::format("{} AND r.changed = '{}'", FromResults(table, 'I'), changed), changed);
}

bool UndoResult(pg::Connection& restored, const Table& table, char op, std::int64_t n) {
  const std::string sql = UndoSql(table, op, ChangedIn(restored, table, n, n));
  std::int64_t done = 0;
  const auto refused = RunAllBut(restored, 1, [&](std::int64_t, std::int64_t) {
    done = restored.Query(sql, {std::to_string(n), std::to_string(n)}).affected();
  });
  return refused.empty() && done == 1;
}

bool UndoResults(pg::Connection& restored, const Table& table) {
  if (table.key.empty()) {
    const pg::Result all = restored.Query(fmt::format("SELECT count(*) FROM {}", ResultsOf(table)));
    return restored.Query(UndoInsertsSql(table)).affected() == all.Int(0, 0);
  }
  // The other way round than they were done.
  for (const char op : {'I', 'U', 'D'}) {
    const pg::Result most =
        restored.Query(fmt::format("SELECT coalesce(max(n), 0), count(*) FROM {} WHERE op = $1", ResultsOf(table)),
                       {std::string(1, op)});
    if (most.Int(0, 1) == 0) continue;
    const std::string sql = UndoSql(table, op, ChangedIn(restored, table, 1, most.Int(0, 0)));
    std::int64_t done = 0;
    auto refused = RunAllBut(restored, most.Int(0, 0), [&](std::int64_t first, std::int64_t last) {
      done += restored.Query(sql, {std::to_string(first), std::to_string(last)}).affected();
    });
    const auto alone = static_cast<std::int64_t>(refused.size());
    if (op == 'U') Exchange(restored, table, "r.restored", KeyIsIn(table, "r.v"), refused);
    if (!refused.empty() || done + alone != most.Int(0, 1)) return false;
  }
  return true;
}

Withdrawn Withdraw(pg::Connection& restored, const Table& table, char op, std::int64_t n, ConflictKind kind,
                   const std::string& said) {
  const pg::Result rows = restored.Query(
      fmt::format("WITH gone AS (DELETE FROM {} WHERE op = $1 AND n = $2 RETURNING identity, changes, restored, "
                  "changed, v, key) SELECT g.identity, g.changes, g.restored IS NOT NULL, g.changed, u.v, u.restored, "
                  "u.key FROM gone AS g LEFT JOIN LATERAL unnest(g.v, g.restored, g.key) WITH ORDINALITY AS u(v, "
                  "restored, key, place) ON true ORDER BY u.place",
                  ResultsOf(table)),
      {std::string(1, op), std::to_string(n)});
  const std::string changed = rows.Text(0, 3);
  Conflict conflict{.kind = kind};
  if (op != 'D') conflict.application_row = ColumnOf(rows, 4, table.columns.size());
  for (std::size_t i = 0; op == 'I' && i < changed.size(); ++i) {
    if (changed[i] == '0') conflict.absent.insert(i);
  }
  conflict.unsent = conflict.absent;
  std::vector<Value> key = ColumnOf(rows, 6, table.key.size());
  if (key.empty() || !key.front()) {
    key.clear();
    for (const std::size_t place : table.key) key.push_back((*conflict.application_row)[place]);
  }
  std::optional<Row> before;
  if (rows.Bool(0, 2)) before = ColumnOf(rows, 5, table.columns.size());
  if (op == 'U') {
    before = Standing(restored, table, key);
    for (std::size_t i = 0; i < changed.size(); ++i) {
      if (changed[i] == '0') (*conflict.application_row)[i] = (*before)[i];
    }
  }
  return {.identity = rows.Text(0, 0),
          .changes = rows.Int(0, 1),
          .conflict = ConflictJson(table, key, before, conflict, said)};
}

void TakeColumnsAlong(pg::Connection& restored, const std::string& kept, const std::string& which, Withdrawn& row) {
  const pg::Result gone =
      restored.Query(fmt::format("DELETE FROM switchback_salvage.{} WHERE identity = $1 AND body::json ->> 'column' IS "
                                 "NOT NULL AND {} RETURNING body",
                                 kept, which),
                     {row.identity});
  for (int i = 0; i < gone.rows(); ++i) {
    const base::Json column = base::Json::parse(gone.Text(i, 0));
    if (column.contains("new_column")) {
      row.conflict["new_columns"][column.at("column").get<std::string>()] = column.at("new_column");
    }
  }
}

}  // namespace salvage
