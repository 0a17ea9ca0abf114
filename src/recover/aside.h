#pragma once

#include <string>
#include <vector>

#include "pg/connection.h"

namespace recover {

// Rows of tables of the release whose other side went while the table was retired, and which the way forward set aside:
// a sentence for each table.
std::vector<std::string> RowsAside(pg::Connection& connection, const std::string& release);

}  // namespace recover
