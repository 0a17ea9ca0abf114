#pragma once

#include <chrono>
#include <stop_token>

namespace base {

// False: it was asked to stop, and returned at once.
bool SleepUnlessStopped(const std::stop_token& stop, std::chrono::milliseconds time);

}  // namespace base
