#include "recover/unconverted.h"

#include "journal/mirror.h"
#include "recover/sql_text.h"

namespace recover {

Unconverted ReadUnconverted(pg::Connection& connection, const std::string& release) {
  Unconverted found;
  if (!journal::SchemaInstalled(connection)) return found;
  const pg::Result rows = connection.Query(std::string(sql_text::kUnconverted), {release});
  for (int i = 0; i < rows.rows(); ++i) {
    found.count = rows.Int(i, 4);
    found.rows.push_back({rows.Text(i, 0), rows.Text(i, 1), rows.Text(i, 2), rows.Text(i, 3)});
  }
  return found;
}

}  // namespace recover
