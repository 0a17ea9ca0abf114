#pragma once

#include <chrono>

#include "pg/connection.h"

namespace pg {

// Where the role may set deadlock_timeout, this session looks for a deadlock long before others do, so that it is the
// one that is ended by it and not an application. False: it may not, and goes on as it was.
bool BeTheVictim(Connection& connection);

// How long whoever holds locks may wait for another one: others look for a deadlock after twice as long at the
// earliest, and so never find one that this session is part of.
std::chrono::milliseconds WaitAmongLocks(Connection& connection, std::chrono::milliseconds lock_timeout);

}  // namespace pg
