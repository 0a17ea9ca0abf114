#pragma once

#include <string>

#include "backup/provider.h"
#include "pg/connection.h"

namespace backup {

// The line of history that a server writes. A failover goes on with a line; a restore to a point begins one, whose log
// and backups are not those of the server that it was restored from, though the system identifier is the same.
struct Line {
  std::string system_identifier;
  std::string restored = {};  // "2-0_3000100", the timeline and the LSN that it began with; empty: initdb began it
  bool operator==(const Line&) const = default;
};

// Throws kPrivilege where the server is on a later timeline and its history may not be read.
Line ReadLine(pg::Connection& connection);
Line LineOf(const Point& point);

// Pure: `restored` of a server on this timeline with this history file.
std::string RestoredAt(const std::string& history, std::uint32_t timeline);

}  // namespace backup
