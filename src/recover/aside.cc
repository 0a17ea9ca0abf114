#include "recover/aside.h"

#include <fmt/core.h>

#include "journal/mirror.h"
#include "pg/quote.h"
#include "recover/sql_text.h"

namespace recover {

std::vector<std::string> RowsAside(pg::Connection& connection, const std::string& release) {
  std::vector<std::string> sentences;
  if (!journal::SchemaCurrent(connection)) return sentences;
  const pg::Result tables = connection.Query(std::string(sql_text::kRowsAside), {release});
  for (int i = 0; i < tables.rows(); ++i) {
    const pg::QualifiedName aside{tables.Text(i, 0), tables.Text(i, 1)};
    const std::int64_t rows = connection.Query("SELECT pg_catalog.count(*) FROM " + aside.Sql()).Int(0, 0);
    if (rows == 0) continue;
    sentences.push_back(
        fmt::format("{} rows of {} referred to rows that went while it was retired: as they were they are in {}, until "
                    "`switchback close {}`",
                    rows, tables.Text(i, 2), aside.Text(), release));
  }
  return sentences;
}

}  // namespace recover
