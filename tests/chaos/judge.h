#pragma once

#include <string>
#include <vector>

#include "ground.h"
#include "history.h"
#include "operator.h"
#include "script.h"
#include "world.h"

namespace chaos {

// While all rest: every acknowledged write is there or stands in a named conflict, both versions read what they may,
// the schema is as expected, nothing is left behind, the evidence verifies and `status` is true. What is not goes into
// the history.
void Judge(Ground& ground, const World& world, const Script& script, const Expected& expected, Operator& by,
           Applications& applications, bool second_done, History& history);

}  // namespace chaos
