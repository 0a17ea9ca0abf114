#pragma once

#include <span>
#include <string_view>

namespace base {

// Named places at which a test can stop the program. The table failpoints.def is the only list.
//
// SWITCHBACK_FAILPOINT=NAME[@N]=ACTION arms one of them from its N-th passing on (default the first): `kill` (SIGKILL
// to itself), `error` (throws kFailpointError, once) or `stop` (SIGSTOP to itself, once). Unset, a failpoint costs one
// load of a flag.
enum class FailpointId {
#define SB_FAILPOINT(id, name, where) k##id,
#include "base/failpoints.def"
#undef SB_FAILPOINT
};

struct FailpointInfo {
  FailpointId id;
  std::string_view name;
  std::string_view where;
};
std::span<const FailpointInfo> AllFailpoints();

// What the environment variable does, for tests inside one process; "" disarms. Throws kUsage where it is not
// understood.
void ArmFailpoint(std::string_view spec);

// Threads: safe from any. Throws kUsage where SWITCHBACK_FAILPOINT is not understood.
void Failpoint(FailpointId id);

}  // namespace base
