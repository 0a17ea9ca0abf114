#pragma once

#include <string>
#include <vector>

namespace compile {

// The start: tables with rows and what hangs on them, in the order of one script.
extern const char* const kStart;

// Statements over it. Some need what another one makes.
extern const std::vector<std::string> kStatements;

// Changes that were once got wrong, each of a kind.
extern const std::vector<std::string> kChanges;

}  // namespace compile
