#pragma once

#include "base/json.h"
#include "evidence/compose.h"
#include "journal/position.h"

namespace evidence {

// The third part of a go/no-go package: {owner, window, point_of_no_return, ways, conditions}. Each way back says
// whether it is prepared ("yes", "no", "not configured") and when it was proven, by having been walked or restored;
// null: never.
base::Json RollbackConditions(const Sources& sources, const journal::Position& position);

}  // namespace evidence
