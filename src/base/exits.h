#pragma once

#include <span>
#include <string_view>

#include "base/exit.h"

namespace base {

struct ExitInfo {
  Exit exit;
  std::string_view meaning;
};

// The exit codes of the program, each with a sentence.
std::span<const ExitInfo> AllExits();

}  // namespace base
