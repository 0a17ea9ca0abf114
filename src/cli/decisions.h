#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "salvage/salvage.h"

// Conflicts of a salvage on the command line.
namespace cli {

// --decide and --resolve; relative to the working directory. Throws kUsage, kBadResolutions, kFileRead.
salvage::Decisions DecisionsOf(const Invocation& invocation);

// For people: lines, each behind a line feed. A table of what is left to decide, with the command for each group.
std::string ShowGroups(const std::vector<salvage::Group>& groups, const std::string& release, const std::string& file);
// Without that line feed.
std::string ShowResolved(const salvage::Resolution& done, const std::string& release, const std::string& file);

}  // namespace cli
