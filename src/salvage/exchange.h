#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "pg/connection.h"
#include "salvage/target.h"

namespace salvage {

// Of results U, by their numbers, that the server refused one by one: rows may only stand in each other's way, as two
// that swapped a unique value. They leave together and come as they are to be; those that the server refuses even so
// stay in `refused`, with its words. `to`: the array of result r that is written, r.v or r.restored; `found`: the
// condition by which t is the row of r. Inside a transaction, which goes on.
void Exchange(pg::Connection& restored, const Table& table, const std::string& to, const std::string& found,
              std::map<std::int64_t, std::string>& refused);

}  // namespace salvage
