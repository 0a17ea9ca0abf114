#pragma once

#include "pg/connection.h"
#include "run/session.h"

namespace run {

// Brings the lines at the journal's end to the mirror, where they can be brought now: what is only in the file could be
// rewritten unseen. Not the intent of a step that is open, whose line in the mirror says that it committed, nor what
// follows it. What cannot be brought (the database is away, a right is missing) comes with the next transaction of the
// release, and until then `evidence verify` says that no mirror holds it. Throws nothing.
void MirrorTail(pg::Connection& connection, const Session& session) noexcept;

}  // namespace run
