#pragma once

#include "plan/builder.h"
#include "plan/step.h"

namespace plan {

// Says what becomes of the users' UPDATE triggers while the backfill fills its rows: they are skipped where that is
// possible. Those that would fire block by name, unless release.yaml accepts them; then they stand in the backfill.
// Triggers of single partitions are not known here, and looked at when the backfill begins.
void SettleTriggers(Builder& builder, const sql::Location& at, Backfill& backfill);

}  // namespace plan
