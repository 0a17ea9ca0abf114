#include "proof/images.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/redact.h"

namespace proof {
namespace {

constexpr int kFirst = 20;

std::vector<std::string> DeclaredColumns(const plan::Step& step, const pg::QualifiedName& table) {
  for (const plan::Written& written : step.footprint) {
    if (written.table == table) return written.columns;
  }
  return {};
}

std::string Differs(std::size_t column) { return fmt::format("b{0}::text IS DISTINCT FROM a{0}::text", column + 1); }

void AuditColumn(pg::Connection& connection, const plan::DataChange::Capture& capture, std::size_t column,
                 std::vector<Outside>& outside) {
  const std::string where =
      fmt::format(" FROM {} WHERE op = 'U' AND {}", pg::Ident("switchback", capture.images), Differs(column));
  const std::int64_t rows = connection.Exec("SELECT count(*)" + where).Int(0, 0);
  if (rows == 0) return;
  Outside found{
      .table = capture.table, .what = fmt::format("column {} was changed", capture.columns[column]), .rows = rows};
  std::vector<std::string> key;
  for (const std::string& name : capture.key) {
    const auto at = std::find(capture.columns.begin(), capture.columns.end(), name) - capture.columns.begin();
    key.push_back(
        fmt::format("b{0}::text, pg_catalog.pg_typeof(b{0})::pg_catalog.oid OPERATOR(pg_catalog.=) ANY "
                    "('{{int8,int2,int4,oid}}'::pg_catalog.regtype[]::pg_catalog.oid[])",
                    at + 1));
  }
  const pg::Result first =
      connection.Exec(fmt::format("SELECT {}{} ORDER BY seq LIMIT {}", fmt::join(key, ", "), where, kFirst));
  for (int row = 0; row < first.rows(); ++row) {
    base::Json values = base::Json::object();
    std::set<std::string> whole;
    for (std::size_t i = 0; i < capture.key.size(); ++i) {
      const int at = 2 * static_cast<int>(i);
      values[capture.key[i]] = first.Text(row, at);
      if (first.Bool(row, at + 1)) whole.insert(capture.key[i]);
    }
    const auto is_whole = [&](const std::string& name) { return whole.contains(name); };
    found.first.push_back({{"key", base::ShownKey(values, is_whole)}});
  }
  outside.push_back(std::move(found));
}

}  // namespace

std::vector<Outside> AuditImages(pg::Connection& connection, const plan::Step& step) {
  std::vector<Outside> outside;
  if (!step.data) return outside;
  for (const plan::DataChange::Capture& capture : step.data->captures) {
    const std::string images = pg::Ident("switchback", capture.images);
    if (connection.Query("SELECT pg_catalog.to_regclass($1) IS NULL", {images}).Bool(0, 0)) continue;
    const std::vector<std::string> declared = DeclaredColumns(step, capture.table);
    for (std::size_t column = 0; column < capture.columns.size(); ++column) {
      if (std::find(declared.begin(), declared.end(), capture.columns[column]) != declared.end()) continue;
      AuditColumn(connection, capture, column, outside);
    }
  }
  return outside;
}

}  // namespace proof
