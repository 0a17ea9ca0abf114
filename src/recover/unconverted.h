#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.h"

namespace recover {

// Rows whose value could not be carried to the other side of a changed column: the way back is closed for them.
struct Unconverted {
  struct Row {
    std::string relation;
    std::string column;
    std::string key;  // JSON of the key's columns
    std::string reason;
  };
  std::int64_t count = 0;
  std::vector<Row> rows;  // the first ones
};
Unconverted ReadUnconverted(pg::Connection& connection, const std::string& release);

}  // namespace recover
