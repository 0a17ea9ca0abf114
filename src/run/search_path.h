#pragma once

#include <string>

#include "pg/connection.h"

namespace run {

// For the rest of the transaction; empty: what the program's own SQL relies on.
inline void SetSearchPath(pg::Connection& connection, const std::string& search_path) {
  connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)",
                   {search_path.empty() ? "pg_catalog, pg_temp" : search_path});
}

}  // namespace run
