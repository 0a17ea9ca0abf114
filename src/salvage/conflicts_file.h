#pragma once

#include <filesystem>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/conflict.h"

namespace salvage {

// Writes the conflicts that are not decided, or whose decision is refused, into a file for a person, which a crash
// leaves as it was; gives their groups. Decisions in the file that nobody gave yet stay, where the conflict is the
// same.
std::vector<Group> WriteConflicts(pg::Connection& restored, const std::filesystem::path& file);

// What a person made of a copy of it. Throws kBadResolutions, kFileRead.
base::Json ReadConflictsFile(const std::filesystem::path& file);

}  // namespace salvage
