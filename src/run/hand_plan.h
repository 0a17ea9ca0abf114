#pragma once

#include <filesystem>
#include <string>

#include "pg/connection.h"
#include "plan/plan.h"

namespace run {

// For tests: a release written by hand, as values: "users"."Name" becomes "display name" (add, keep in step, fill,
// index concurrently, retire), then an UPDATE with images. It does what a compiled one does, on a table with hostile
// names, and needs no compiler.
plan::Plan HandPlan();

// The table that it is for, with rows.
void CreateUsers(pg::Connection& connection, int rows);

// What a person would see of it: columns (retired ones left out on request), indexes, triggers, and the rows' content.
std::string Seen(pg::Connection& connection, bool with_retired);

}  // namespace run
