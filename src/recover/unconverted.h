#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"

namespace recover {

// Rows whose value could not be carried to the other side of a changed column. Up: the new column has nothing of the
// old one's value, which contract would take away. Down: the way back is closed for them.
struct Unconverted {
  struct Row {
    std::string relation;
    std::string column;
    std::string key;  // JSON of the key's columns
    std::string reason;
    std::string direction = {};  // "up" or "down"
  };
  std::int64_t count = 0;
  std::int64_t up = 0;    // of them
  std::vector<Row> rows;  // the first ones, up before down
};

// What was noted and, where `plan` tells how to look, is so still: a row that was corrected or deleted since does not
// count. Looking reads the table, once for each column that has notes. `plan` may be null.
Unconverted ReadUnconverted(pg::Connection& connection, const std::string& release, const plan::Plan* plan);

// The same, up only, by the rows themselves, whatever was noted of them: before something is taken away. Reads each
// table that has a column whose conversion can fail, without a lock that anybody notices.
Unconverted FindUnconverted(pg::Connection& connection, const plan::Plan& plan);

}  // namespace recover
