#include "salvage/quiet.h"

#include <fmt/core.h>

#include "base/error.h"
#include "salvage/sql_text.h"

namespace salvage {

void Quiet::Add(const Table& table) {
  if (!tables_.insert(table.oid).second) return;
  const pg::Result rows = restored_.Query(std::string(sql_text::kReadFiring), {std::to_string(table.oid)});
  for (int row = 0; row < rows.rows(); ++row) {
    const auto alter = [&](int action) {
      return fmt::format("ALTER TABLE ONLY {} {}", rows.Text(row, 0), rows.Text(row, action));
    };
    try {
      restored_.Exec(alter(1));
    } catch (base::Error& error) {
      error.Context("while keeping a table from what it would do to rows that are carried over");
      throw;
    }
    back_.push_back(alter(2));
  }
  restored_.Exec("SET CONSTRAINTS ALL IMMEDIATE");
}

void Quiet::End() {
  for (const std::string& statement : back_) restored_.Exec(statement);
  back_.clear();
  tables_.clear();
}

}  // namespace salvage
