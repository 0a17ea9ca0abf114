#pragma once

#include <atomic>

#include "base/exit.h"

namespace base {

// SIGINT and SIGTERM ask for a stop at the next safe point: whoever works in steps or batches polls. A second signal
// ends the process at once, which is safe too: a crash at any instruction is normal.

// Installs the handlers; called once, by main.
void CatchInterrupts();

// A signal came. Threads: safe from any.
bool Interrupted();
// The same as a flag, for who does not know where it comes from.
const std::atomic<bool>& InterruptFlag();
// Throws kInterrupted where a signal came.
void StopIfInterrupted();

// What the process should exit with after an interruption: kInterrupted or, after SIGTERM, kTerminated.
Exit InterruptExit();

}  // namespace base
