#include "checkpoint/content_hash.h"

#include <fmt/core.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/long_work.h"
#include "checkpoint/sql_text.h"

namespace checkpoint {
namespace {

std::vector<std::string> ColumnsOf(pg::Connection& connection, const pg::QualifiedName& table) {
  const pg::Result rows = connection.Query(std::string(sql_text::kReadColumns), {table.schema, table.name});
  std::vector<std::string> columns;
  for (int row = 0; row < rows.rows(); ++row) columns.push_back(rows.Text(row, 0));
  return columns;
}

// The text of a value must not depend on who asks: the session pins the rest.
constexpr const char* kSettings =
    "SELECT set_config('TimeZone', 'UTC', false), set_config('lc_monetary', 'C', false), "
    "set_config('row_security', 'off', false), set_config('xmlbinary', 'base64', false)";

}  // namespace

ContentHash HashTable(pg::Connection& connection, const pg::QualifiedName& table) {
  connection.Query(kSettings);
  const std::vector<std::string> columns = ColumnsOf(connection, table);
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "t." : ", t.") + pg::Ident(column);
  const base::LongWork work(fmt::format("hashing the rows of {}", table.Text()));
  const pg::Result row = connection.Query(
      fmt::format("SELECT count(*), coalesce(sum(('x' || left(h, 16))::bit(64)::bigint), 0), "
                  "coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0) FROM "
                  "(SELECT encode(sha256(convert_to(ROW({})::text, 'UTF8')), 'hex') AS h FROM {} AS t) AS hashed",
                  list, table.Sql()));
  const base::Json hashed = {
      {"columns", columns}, {"rows", row.Text(0, 0)}, {"sums", {row.Text(0, 1), row.Text(0, 2)}}, {"version", 1}};
  return {.rows = row.Int(0, 0), .sha256 = base::Sha256Hex(base::Canonical(hashed))};
}

}  // namespace checkpoint
