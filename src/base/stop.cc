#include "base/stop.h"

#include "base/error.h"

namespace base {

void StopIfAsked(Stop stop) {
  if (Asked(stop)) throw Error(Code::kInterrupted, "interrupted at a safe point");
}

}  // namespace base
