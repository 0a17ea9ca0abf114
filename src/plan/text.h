#pragma once

#include <string>

#include "base/json.h"
#include "plan/plan.h"

namespace plan {

// A plan for people: phases, steps with their locks and ways back, tables with their sizes, the point of no return,
// what applications may notice, what blocks. Without a trailing newline.
std::string Text(const Plan& plan);

// The same facts for machines: {digest, blocked, phases, steps, tables, point_of_no_return, notices, blockers}.
base::Json Facts(const Plan& plan);

// "accept" where a step before purge has no way back, so that a person must accept it; else empty.
bool NeedsAcceptance(const Plan& plan);

}  // namespace plan
