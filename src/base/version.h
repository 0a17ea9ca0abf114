#pragma once

#include <string_view>

namespace base {

// Of switchback itself; a test compares it with the build's.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace base
