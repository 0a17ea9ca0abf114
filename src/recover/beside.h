#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "plan/plan.h"

// Rows whose new column has a value that the old one does not tell, though both are kept in step: they were written
// where the triggers do not fire (session_replication_role, logical replication, a table without them). A way back to
// the start would leave that value in the retired column, where nobody reads it.
namespace recover {

struct Beside {
  pg::QualifiedName table;
  std::string column;                     // the new one, by its name in the new world
  std::optional<std::int64_t> rows = {};  // nothing: not counted within the time
};

// Before the way back, with `done` steps of the plan done; empty where no pair is in step yet. Reads the tables, for
// ten seconds each at most. What has no such row is left out.
std::vector<Beside> ReadBeside(pg::Connection& connection, const plan::Plan& plan, std::size_t done);
std::string Text(const std::vector<Beside>& beside);  // empty, or lines that each begin with "\n"
base::Json ToJson(const std::vector<Beside>& beside);

}  // namespace recover
