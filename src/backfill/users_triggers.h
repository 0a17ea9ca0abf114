#pragma once

#include "backfill/backfill.h"

namespace backfill {

// Whether the batches have to skip the users' triggers (session_replication_role = replica, which switches foreign keys
// off too). Throws kStepRefused with the names of those that would fire though the plan does not let them.
bool SkipsTriggers(pg::Connection& connection, const Job& job);

}  // namespace backfill
