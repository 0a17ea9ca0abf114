#pragma once

#include <string>

#include "base/json.h"
#include "plan/plan.h"

namespace cli {

// A plan for people: phases, steps with their locks and ways back, tables with their sizes, the point of no return,
// what applications may notice, what blocks. Without a trailing newline.
std::string ShowPlan(const plan::Plan& plan);

// The same facts for machines: {digest, blocked, phases, steps, tables, point_of_no_return, notices, blockers}.
base::Json PlanFacts(const plan::Plan& plan);

// "accept" where a step before purge has no way back, so that a person must accept it; else empty.
bool NeedsAcceptance(const plan::Plan& plan);

}  // namespace cli
