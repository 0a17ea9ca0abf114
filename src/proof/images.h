#pragma once

#include <vector>

#include "pg/connection.h"
#include "plan/step.h"
#include "proof/footprint.h"

namespace proof {

// The stream has no row as it was before an update, but the images of a change of rows do: which columns it changed
// that it does not declare. Nothing where the step keeps none, or where it was taken back.
std::vector<Outside> AuditImages(pg::Connection& connection, const plan::Step& step);

}  // namespace proof
