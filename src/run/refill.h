#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"

namespace run {

// Rows that a backfill would fill though its step is done.
struct Unfilled {
  std::size_t step = 0;
  plan::Backfill backfill;  // by the names that its columns have now
  std::int64_t rows = 0;    // counted up to kUnfilledCounted
};
inline constexpr std::int64_t kUnfilledCounted = 10'000;

// Asks the data itself, a read of each table that the release has filled. `done`: steps of the plan that are done.
// Throws what the server says: kPrivilege, kDeadline, kStatementFailed where row security would hide rows.
std::vector<Unfilled> FindUnfilled(pg::Connection& connection, const plan::Plan& plan, std::size_t done);

// "100 rows of public.users have no value in display_name that they ought to have"
std::string Text(const Unfilled& unfilled);

}  // namespace run
