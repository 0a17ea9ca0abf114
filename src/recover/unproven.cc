#include "recover/unproven.h"

#include <fmt/format.h>

#include "base/error.h"
#include "pg/transaction.h"
#include "recover/sql_text.h"

namespace recover {
namespace {

constexpr int kFirst = 10;
constexpr const char* kPatience = "SET LOCAL statement_timeout = '10s'";

// One that was not valid before the release, and is not its own, is none of its making.
bool OfTheRelease(const plan::Plan& plan, const pg::QualifiedName& table, const std::string& constraint) {
  if (constraint.starts_with(fmt::format("sbr_{}_", plan.hex))) return true;
  const auto before = plan.touched.find(table.Text());
  if (before == plan.touched.end() || before->is_null()) return true;
  const auto known = before->at("constraints").find(constraint);
  return known != before->at("constraints").end() && known->at("validated").get<bool>();
}

// "ctid", or the JSON of the key's columns.
std::string KeyOf(const std::string& columns) {
  if (columns.empty()) return "t.ctid::text";
  std::string key;
  for (const base::Json& column : base::ParseJson(columns, "columns of a key")) {
    const auto name = column.get<std::string>();
    key += fmt::format("{}{}, t.{}", key.empty() ? "" : ", ", pg::Literal(name), pg::Ident(name));
  }
  return fmt::format("pg_catalog.jsonb_build_object({})::text", key);
}

void LookAtRows(pg::Connection& connection, const std::string& broken, const std::string& key, Unproven& unproven) {
  try {
    pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, true);
    connection.Exec(kPatience);
    const pg::Result rows = connection.Exec(
        fmt::format("SELECT {} FROM {} AS t WHERE {} LIMIT {}", key, unproven.table.Sql(), broken, kFirst + 1));
    for (int i = 0; i < rows.rows() && i < kFirst; ++i) unproven.keys.push_back(rows.Text(i, 0));
    unproven.more = rows.rows() > kFirst;
  } catch (const base::Error& error) {
    if (connection.Broken()) throw;
    unproven.unseen = error.message();
  }
}

void ReadOf(pg::Connection& connection, const plan::Plan& plan, const pg::QualifiedName& table,
            std::vector<Unproven>& found) {
  const pg::Result rows = connection.Query(std::string(sql_text::kUnprovenConstraints), {table.schema, table.name});
  for (int i = 0; i < rows.rows(); ++i) {
    if (!OfTheRelease(plan, table, rows.Text(i, 0))) continue;
    Unproven unproven{.table = table,
                      .constraint = rows.Text(i, 0),
                      .definition = rows.Text(i, 2),
                      .foreign_key = rows.Bool(i, 1),
                      .not_null = rows.IsNull(i, 5) ? "" : rows.Text(i, 5)};
    const std::string broken = unproven.foreign_key ? rows.Text(i, 4) : fmt::format("NOT ({})", rows.Text(i, 3));
    LookAtRows(connection, broken, KeyOf(rows.IsNull(i, 6) ? "" : rows.Text(i, 6)), unproven);
    found.push_back(std::move(unproven));
  }
}

}  // namespace

std::string Unproven::Remedy() const {
  const std::string alter = fmt::format("ALTER TABLE {} ", table.Sql());
  const std::string drop = fmt::format("{}DROP CONSTRAINT {};", alter, pg::Ident(constraint));
  std::string proven = fmt::format("{}VALIDATE CONSTRAINT {};", alter, pg::Ident(constraint));
  if (!not_null.empty()) {
    proven += fmt::format(" {}ALTER COLUMN {} SET NOT NULL; {}", alter, pg::Ident(not_null), drop);
  }
  return fmt::format("give these rows a value that it admits, then: {} Until then, to let them be written: {}", proven,
                     drop);
}

std::vector<Unproven> ReadUnproven(pg::Connection& connection, const plan::Plan& plan) {
  std::vector<Unproven> found;
  for (const pg::QualifiedName& table : plan.tables) ReadOf(connection, plan, table, found);
  return found;
}

base::Json ToJson(const std::vector<Unproven>& unproven) {
  base::Json list = base::Json::array();
  for (const Unproven& each : unproven) {
    list.push_back({{"table", each.table.Text()},
                    {"constraint", each.constraint},
                    {"definition", each.definition},
                    {"rows", each.keys},
                    {"more", each.more},
                    {"not_seen", each.unseen.empty() ? base::Json() : base::Json(each.unseen)},
                    {"remedy", each.Remedy()}});
  }
  return list;
}

std::string Text(const std::vector<Unproven>& unproven) {
  std::string text;
  for (const Unproven& each : unproven) {
    text += fmt::format("\n  not valid: {} on {}, {}", each.constraint, each.table.Text(), each.definition);
    if (!each.unseen.empty()) {
      text += fmt::format("\n    which rows break it was not seen: {}", each.unseen);
    } else if (each.keys.empty()) {
      text += "\n    no row breaks it any more";
    } else {
      text +=
          fmt::format("\n    rows break it, and each update of them fails ({}):", each.foreign_key ? "23503" : "23514");
      for (const std::string& key : each.keys) text += " " + key;
      if (each.more) text += " and more";
    }
    text += "\n    " + each.Remedy();
  }
  return text;
}

}  // namespace recover
