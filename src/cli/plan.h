#pragma once

#include "cli/command.h"
#include "cli/context.h"

namespace cli {

// Compiles the release and writes plan.lock.json. An exit other than kDone: something blocks it, and nothing was
// written. Throws kNoPlan and kOtherInputs where the release is under way without its plan, or with another one.
Outcome MakePlan(Context& context);

}  // namespace cli
