#include "salvage/quiet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "salvage/sql_text.h"

namespace salvage {

EventTriggers ReadEventTriggers(pg::Connection& restored) {
  EventTriggers triggers;
  const pg::Result rows = restored.Query(std::string(sql_text::kReadEventTriggers));
  for (int row = 0; row < rows.rows(); ++row) {
    if (!rows.Bool(row, 3)) {
      triggers.loud.push_back(rows.Text(row, 0));
      continue;
    }
    triggers.off.push_back(rows.Text(row, 1));
    triggers.back.push_back(rows.Text(row, 2));
  }
  return triggers;
}

void ExecQuietly(pg::Connection& restored, const std::string& sql) {
  const EventTriggers triggers = ReadEventTriggers(restored);
  // Sent as one, they are one transaction.
  restored.Exec(fmt::format("{}; {}; {}", fmt::join(triggers.off, "; "), sql, fmt::join(triggers.back, "; ")));
}

void Quiet::Add(const Table& table) {
  if (!tables_.insert(table.oid).second) return;
  if (tables_.size() == 1) {
    events_ = ReadEventTriggers(restored_);
    for (const std::string& statement : events_.off) restored_.Exec(statement);
  }
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
  for (const std::string& statement : events_.back) restored_.Exec(statement);
  back_.clear();
  events_ = {};
  tables_.clear();
}

}  // namespace salvage
