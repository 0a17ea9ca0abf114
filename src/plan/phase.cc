#include "plan/phase.h"

#include <fmt/format.h>

#include "base/error.h"

namespace plan {

std::string_view Name(Phase phase) {
  switch (phase) {
    case Phase::kStart:
      return "start";
    case Phase::kExpand:
      return "expand";
    case Phase::kMigrate:
      return "migrate";
    case Phase::kSwitch:
      return "switch";
    case Phase::kContract:
      return "contract";
    case Phase::kPurge:
      return "purge";
  }
  return "";
}

Phase ParsePhase(std::string_view name) {
  if (name == Name(Phase::kStart)) return Phase::kStart;
  for (const Phase phase : kPhases) {
    if (name == Name(phase)) return phase;
  }
  throw base::Error(base::Code::kUsage, fmt::format("'{}' is no phase", name))
      .Hint("The phases are start, expand, migrate, switch, contract and purge.");
}

}  // namespace plan
