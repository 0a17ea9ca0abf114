#pragma once

#include <chrono>

#include "ground.h"
#include "script.h"

namespace chaos {

// Waits so long, and lets the accident befall the command if it still runs. True: it did. A command that is stopped
// (kStop) is left stopped: Wake lets it go on.
bool Befall(Ground& ground, Running& running, const std::string& release, Accident accident,
            std::chrono::milliseconds after);
void Wake(Running& running);

}  // namespace chaos
