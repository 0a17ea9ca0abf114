#pragma once

#include <string>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"

namespace recover {

// How the objects that a release touches differ from what its last step left, or, before the first, from what the plan
// was made for; a sentence each. While a step is half done that is not known: ask journal::Position first.
std::vector<std::string> Drift(pg::Connection& connection, const plan::Plan& plan);

}  // namespace recover
