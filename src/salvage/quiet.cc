#include "salvage/quiet.h"

#include <fmt/core.h>

#include "base/error.h"
#include "salvage/sql_text.h"

namespace salvage {
namespace {

const char* Enable(char mode) {
  switch (mode) {
    case 'A':
      return "ENABLE ALWAYS";
    case 'R':
      return "ENABLE REPLICA";
    case 'D':
      return "DISABLE";
    default:
      return "ENABLE";
  }
}

}  // namespace

void Quiet::Add(const Table& table) {
  if (!tables_.insert(table.oid).second) return;
  const pg::Result rows = restored_.Query(std::string(sql_text::kReadFiring), {std::to_string(table.oid)});
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string alter = fmt::format("ALTER TABLE ONLY {} ", rows.Text(row, 0));
    const std::string what = rows.Text(row, 1);
    const char mode = rows.Text(row, 2)[0];
    const bool checks = rows.Bool(row, 3);
    try {
      restored_.Exec(fmt::format("{}{} {}", alter, checks ? "ENABLE ALWAYS" : "DISABLE", what));
    } catch (base::Error& error) {
      error.Context(fmt::format("while keeping {} from what it would do to rows that are carried over", what));
      throw;
    }
    back_.push_back(fmt::format("{}{} {}", alter, Enable(mode), what));
  }
  restored_.Exec("SET CONSTRAINTS ALL IMMEDIATE");
}

void Quiet::End() {
  for (const std::string& statement : back_) restored_.Exec(statement);
  back_.clear();
  tables_.clear();
}

}  // namespace salvage
