#include "recover/unconverted.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/redact.h"
#include "journal/mirror.h"
#include "recover/sql_text.h"

namespace recover {
namespace {

constexpr int kListed = 20;

// One that is noted for a row without a key stands for all such rows of its table.
std::string SameRow(const plan::Backfill& backfill) {
  if (backfill.key.empty()) return "true";
  std::string parts;
  for (const std::string& column : backfill.key)
    parts += fmt::format("{}{}, t.{}", parts.empty() ? "" : ", ", pg::Literal(column), pg::Ident(column));
  return fmt::format("pg_catalog.jsonb_build_object({}) = u.key", parts);
}

// A condition over u that holds for notes of this column whose row was corrected.
std::string Corrected(const plan::Backfill& backfill, const std::string& still) {
  return fmt::format(
      "(u.direction = 'up' AND u.relation = {} AND u.\"column\" = {} AND NOT EXISTS (SELECT FROM {} AS t WHERE {} AND "
      "({})))",
      pg::Literal(backfill.table.Text()), pg::Literal(backfill.column), backfill.table.Sql(), SameRow(backfill), still);
}

// A condition over u that holds for notes of this table whose row was deleted.
std::string Deleted(const plan::Backfill& backfill) {
  return fmt::format("(u.relation = {} AND NOT EXISTS (SELECT FROM {} AS t WHERE {}))",
                     pg::Literal(backfill.table.Text()), backfill.table.Sql(), SameRow(backfill));
}

std::string Query(const std::string& settled) {
  return fmt::format(
      "SELECT u.relation, u.\"column\", u.key::text, coalesce(u.reason, ''), u.direction, count(*) OVER (), "
      "count(*) FILTER (WHERE u.direction = 'up') OVER () FROM switchback.unconverted AS u "
      "WHERE u.release = $1 AND NOT ({}) ORDER BY u.direction DESC, u.at, u.relation, u.\"column\", u.key::text LIMIT "
      "{}",
      settled, kListed);
}

bool Understood(pg::Connection& connection, const std::string& sql) {
  try {
    connection.CheckPrepares(sql);
    return true;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kStatementFailed) throw;
    return false;
  }
}

std::string CorrectedOf(pg::Connection& connection, const plan::Backfill& backfill) {
  const pg::Result exists =
      connection.Query(std::string(sql_text::kColumnExists), {backfill.table.Sql(), backfill.column});
  if (backfill.unconverted.empty() || !exists.Bool(0, 0)) return "false";
  // The plan's own question names the old column, which another phase may have renamed.
  std::string precise = Corrected(backfill, backfill.unconverted);
  if (Understood(connection, Query(precise))) return precise;
  return Corrected(backfill, fmt::format("t.{} IS NULL", pg::Ident(backfill.column)));
}

// A condition over u for the notes that no longer count.
std::string Settled(pg::Connection& connection, const plan::Backfill& backfill) {
  const std::string deleted = Deleted(backfill);
  // Not so where the table, or a column of its key, has another name at the moment.
  return (Understood(connection, Query(deleted)) ? deleted + " OR " : "") + CorrectedOf(connection, backfill);
}

std::string RowsOf(const plan::Backfill& backfill, const std::string& unconverted, const std::string& reason) {
  std::vector<std::string> key;
  for (const std::string& column : backfill.key)
    key.push_back(fmt::format("{}, t.{}", pg::Literal(column), pg::Ident(column)));
  return fmt::format(
      "SELECT pg_catalog.jsonb_build_object({})::text, {}, count(*) OVER () FROM {} AS t WHERE {} LIMIT {}",
      fmt::join(key, ", "), reason, backfill.table.Sql(), unconverted, kListed);
}

// The question in the words of each stage that the columns may be in; only one of them is understood.
std::vector<std::string> Questions(const plan::Plan& plan, const plan::Backfill& backfill) {
  std::vector<std::string> questions;
  for (const plan::Pair& pair : plan.pairs) {
    if (!(pair.table == backfill.table) || pair.new_name.empty()) continue;
    if (plan::StageBeforeSwitch(pair).new_physical != backfill.column) continue;
    for (const plan::Stage& stage : {plan::StageRetired(pair), plan::StageAfterSwitch(pair)}) {
      const std::string why = plan::Up(pair, stage, "t.", plan::Guard::kWhy);
      questions.push_back(
          RowsOf(backfill, fmt::format("t.{} IS NULL AND {} IS NOT NULL", pg::Ident(stage.new_physical), why), why));
    }
  }
  questions.push_back(RowsOf(backfill, backfill.unconverted, backfill.unconverted_reason));
  return questions;
}

}  // namespace

Unconverted FindUnconverted(pg::Connection& connection, const plan::Plan& plan) {
  Unconverted found;
  for (const plan::Step& step : plan.steps) {
    if (!step.backfill || step.backfill->unconverted.empty()) continue;
    for (const std::string& question : Questions(plan, *step.backfill)) {
      if (!Understood(connection, question)) continue;
      const pg::Result rows = connection.Exec(question);
      for (int i = 0; i < rows.rows(); ++i) {
        if (i == 0) found.count += rows.Int(i, 2);
        found.rows.push_back(
            {step.backfill->table.Text(), step.backfill->column, rows.Text(i, 0), rows.Text(i, 1), "up"});
      }
      break;
    }
  }
  found.up = found.count;
  return found;
}

Unconverted ReadUnconverted(pg::Connection& connection, const std::string& release, const plan::Plan* plan) {
  Unconverted found;
  if (!journal::SchemaInstalled(connection)) return found;
  // Without a note no table of the release has to be read, nor may be.
  if (connection.Query(Query("false"), {release}).rows() == 0) return found;
  std::string settled = "false";
  if (plan != nullptr) {
    for (const plan::Step& step : plan->steps) {
      if (step.backfill) settled += " OR " + Settled(connection, *step.backfill);
    }
  }
  const pg::Result rows = connection.Query(Query(settled), {release});
  for (int i = 0; i < rows.rows(); ++i) {
    found.count = rows.Int(i, 5);
    found.up = rows.Int(i, 6);
    found.rows.push_back({rows.Text(i, 0), rows.Text(i, 1), base::ShownKeyText(rows.Text(i, 2)),
                          base::WithoutQuoted(rows.Text(i, 3)), rows.Text(i, 4)});
  }
  return found;
}

}  // namespace recover
