#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drill {

// One named statement of an application version, and the names of what it wants as $1, $2 ...
struct ShopQuery {
  std::string sql;
  std::vector<std::string> parameters;
};

using ShopQueries = std::map<std::string, ShopQuery>;

// Reads queries.sql: each statement follows a line `-- name(parameter, parameter)` and ends with ';'. Other comment
// lines are for people. Throws kDrillBadQueries with the line.
ShopQueries ParseQueries(std::string_view text);

}  // namespace drill
