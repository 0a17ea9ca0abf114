#pragma once

#include <string>

#include "journal/position.h"
#include "plan/plan.h"

namespace run {

// "step expand.1 (add the column)", "the way back of step ...".
std::string What(const plan::Step& step, journal::Direction direction);

}  // namespace run
