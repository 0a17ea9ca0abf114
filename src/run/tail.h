#pragma once

#include <map>
#include <string>

#include "pg/connection.h"
#include "run/session.h"

namespace run {

// Brings the lines at the journal's end to the mirror, where they can be brought now: what is only in the file could be
// rewritten unseen. Not the intent of a step that is open, whose line in the mirror says that it committed, nor what
// follows it; nor anything while a runner has the lease, or on a server that did not see what the lines tell. What
// cannot be brought (the database is away, a right is missing) comes with the next transaction of the release, and
// until then `evidence verify` says that no mirror holds it. Throws nothing. `files`: by name, of those that the
// database is to have as they are here, once it has those lines.
void MirrorTail(pg::Connection& connection, const Session& session,
                const std::map<std::string, std::string>& files = {}) noexcept;

}  // namespace run
