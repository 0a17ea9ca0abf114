#pragma once

#include <string>
#include <vector>

#include "pg/connection.h"
#include "plan/plan.h"

namespace run {

// How the objects that a release touches differ from what its last step left, or, before the first, from what the plan
// was made for; a sentence each. What its own steps and those of other releases did is known, and no difference.
struct Drift {
  std::vector<std::string> forward;  // what its steps need is otherwise: no way forward
  std::vector<std::string> undo;     // of them, what closes the way back too
  std::vector<std::string> notices;  // of others, and in nobody's way
};
// While a step is half done that is not known: ask journal::Position first. `begun`: a step of the release ended once;
// else only the plan counts.
Drift FindDrift(pg::Connection& connection, const plan::Plan& plan, bool begun = true);

// catalog::Describe of the plan's tables.
base::Json DescribeTouched(pg::Connection& connection, const plan::Plan& plan);

// What a step did, by the descriptions before and after it, is written into what this release and all others hold as
// left. Inside the step's transaction; its locks on their rows last until that ends.
void StoreEffects(pg::Connection& connection, const plan::Plan& plan, const base::Json& before);

}  // namespace run
