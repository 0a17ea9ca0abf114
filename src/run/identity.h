#pragma once

#include <cstdint>
#include <string>

#include "pg/connection.h"
#include "run/session.h"

namespace run {

// Which database this is.
struct Identity {
  std::string system_identifier;
  std::int64_t timeline = 0;
  std::string database;
};
Identity ReadIdentity(pg::Connection& connection);

// Installs schema `switchback` where it is missing, and opens the release in the journal and in the database where it
// is not open; opened before, it must have begun with this plan, on this database, and on this timeline or, after a
// failover, on one in the server's history with all that was done: throws kOtherInputs. As long as nothing of a release
// is done, another plan opens it anew.
void EnterRelease(pg::Connection& connection, const Session& session);

}  // namespace run
