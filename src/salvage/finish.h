#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/target.h"

namespace salvage {

// Sets the sequences of the restored server beyond what the old one gave; without it, those that columns own beyond the
// largest value of the column. A sequence that is further already is left alone, one that cycles is set to where the
// old one is. Gives how many were set; in `unread` the names of those that this role may not read.
std::int64_t CarrySequences(pg::Connection& restored, pg::Connection* old_server, const Targets& targets,
                            const std::vector<std::int64_t>& tables, std::vector<std::string>& unread);

}  // namespace salvage
