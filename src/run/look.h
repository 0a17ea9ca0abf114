#pragma once

#include <filesystem>
#include <string>

#include "journal/journal.h"
#include "journal/position.h"
#include "pg/connection.h"
#include "plan/plan.h"

// Reads where a release stands, and changes nothing in the database.
namespace run {

// The condition's answer; a query that the server refuses (a table that is not there) is a no. `search_path` as in
// plan::Step. Inside a transaction of the caller, or outside.
bool Holds(pg::Connection& connection, const plan::Condition& condition, const std::string& search_path);

// Opens the journal of a release as the database has it, with what this checkout has not brought there yet
// (Journal::Follow). What a restored server does not know of counts no more (SeeRewind). Writes nothing.
journal::Journal OpenJournal(pg::Connection& connection, const std::string& release,
                             const std::filesystem::path& directory);

// The answers that journal::Derive needs, and the position.
journal::Found Look(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal);
journal::Position WhereItStands(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal);

}  // namespace run
