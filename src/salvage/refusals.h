#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "pg/connection.h"

namespace salvage {

// Whether the server refuses values, and not the statement for what the server, the session or its rights are.
// Constraints and domains may call functions of users, which raise what they like.
bool IsRefusal(const base::Error& error);

// Runs a statement over the numbers 1 to `count` inside a transaction, as few times as it takes to leave out those that
// the server refuses. `run` does the numbers from `first` to `last`; `prepare` is called once before it is called for
// less than all.
// Those refused are tried again for as long as that helps: one may have stood in the way of another. Gives the refused
// with the server's words.
std::map<std::int64_t, std::string> RunAllBut(pg::Connection& connection, std::int64_t count,
                                              const std::function<void(std::int64_t first, std::int64_t last)>& run,
                                              const std::function<void()>& prepare = {});

}  // namespace salvage
