#pragma once

#include <string>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"

namespace recover {

// How the objects that a release touches differ from what its last step left, or, before the first, from what the plan
// was made for; a sentence each. While a step is half done that is not known: ask journal::Position first.
// `begun`: a step of it ended once; else only the plan counts.
std::vector<std::string> Drift(pg::Connection& connection, const plan::Plan& plan, bool begun = true);

}  // namespace recover
