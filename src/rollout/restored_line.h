#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "release/project.h"

namespace rollout {

// A server that was restored, which is a line of its own: as restored it archives nothing, and the backups of the one
// that it was restored from are not its.
struct RestoredLine {
  std::string line;
  bool archives = false;
  bool proven = false;  // a checkpoint of a release of the project was taken there, and restored
};
// Nothing: the server was not restored, or this role may not know.
std::optional<RestoredLine> LookAtLine(pg::Connection& connection, const release::Project& project);

// For people, behind a line feed and two spaces: what it lacks, with the commands; empty: nothing.
std::string ShowLine(const std::optional<RestoredLine>& line, const std::string& release);
base::Json LineFacts(const std::optional<RestoredLine>& line);

}  // namespace rollout
