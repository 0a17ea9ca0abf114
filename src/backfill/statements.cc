#include "backfill/statements.h"

#include <fmt/core.h>

namespace backfill {
namespace {

std::string KeyJson(const plan::Backfill& backfill) {
  std::string parts;
  for (const std::string& column : backfill.key) {
    parts += fmt::format("{}{}, t.{}", parts.empty() ? "" : ", ", pg::Literal(column), pg::Ident(column));
  }
  if (parts.empty()) parts = "'ctid', t.ctid::text";
  return fmt::format("pg_catalog.jsonb_build_object({})", parts);
}

}  // namespace

std::string FillSql(const plan::Backfill& backfill, const std::string& leaf) {
  return fmt::format(
      "UPDATE /* switchback */ ONLY {leaf} AS t SET {column} = ({value}) "
      "WHERE t.ctid >= $1::tid AND t.ctid < $2::tid AND t.{column} IS NULL AND ({pending})",
      fmt::arg("leaf", leaf), fmt::arg("column", pg::Ident(backfill.column)), fmt::arg("value", backfill.value),
      fmt::arg("pending", backfill.pending));
}

std::string FillUnlockedSql(const plan::Backfill& backfill, const std::string& leaf) {
  return fmt::format(
      "WITH unlocked AS (SELECT t.ctid AS at FROM ONLY {leaf} AS t WHERE t.ctid >= $1::tid AND t.ctid < $2::tid "
      "AND t.{column} IS NULL AND ({pending}) FOR NO KEY UPDATE OF t SKIP LOCKED) "
      "UPDATE /* switchback */ ONLY {leaf} AS t SET {column} = ({value}) FROM unlocked "
      "WHERE t.ctid = unlocked.at AND t.ctid >= $1::tid AND t.ctid < $2::tid AND t.{column} IS NULL AND ({pending})",
      fmt::arg("leaf", leaf), fmt::arg("column", pg::Ident(backfill.column)), fmt::arg("value", backfill.value),
      fmt::arg("pending", backfill.pending));
}

std::string ReplaceSql(const plan::Backfill& backfill, const std::string& leaf) {
  const std::string column = pg::Ident(backfill.column);
  // The ranges stand on both sides of the join, so that neither reads the whole table.
  return fmt::format(
      "WITH changed AS (UPDATE /* switchback */ ONLY {leaf} AS x SET {column} = p.filled "
      "FROM (SELECT t.ctid AS at, ({value}) AS filled, t.{column}::text AS former, "
      "CASE WHEN t.{column} IS NOT NULL THEN {key} END AS key "
      "FROM ONLY {leaf} AS t WHERE t.ctid >= $1::tid AND t.ctid < $2::tid AND ({pending})) AS p "
      "WHERE x.ctid = p.at AND x.ctid >= $1::tid AND x.ctid < $2::tid "
      "RETURNING p.former, x.{column}::text AS filled, p.key), "
      "listed AS (INSERT INTO switchback.replaced (release, relation, \"column\", key, dropped) "
      "SELECT $3, {table_text}, {column_text}, key, former FROM changed WHERE former IS NOT NULL AND former IS "
      "DISTINCT FROM filled) "
      "SELECT pg_catalog.count(*) FROM changed",
      fmt::arg("leaf", leaf), fmt::arg("column", column), fmt::arg("value", backfill.value),
      fmt::arg("key", KeyJson(backfill)), fmt::arg("pending", backfill.pending),
      fmt::arg("table_text", pg::Literal(backfill.table.Text())),
      fmt::arg("column_text", pg::Literal(backfill.column)));
}

std::string AnyPendingSql(const plan::Backfill& backfill) {
  return fmt::format("SELECT EXISTS (SELECT FROM {} AS t WHERE ({}))", backfill.table.Sql(), backfill.pending);
}

std::string UnconvertedSql(const plan::Backfill& backfill) {
  if (backfill.unconverted.empty()) return "";
  return fmt::format(
      "INSERT INTO switchback.unconverted (release, relation, \"column\", key, direction, reason) "
      "SELECT $1, {}, {}, {}, 'up', ({})::text FROM {} AS t WHERE ({}) ON CONFLICT DO NOTHING",
      pg::Literal(backfill.table.Text()), pg::Literal(backfill.column), KeyJson(backfill),
      backfill.unconverted_reason.empty() ? "NULL" : backfill.unconverted_reason, backfill.table.Sql(),
      backfill.unconverted);
}

}  // namespace backfill
