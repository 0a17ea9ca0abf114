#pragma once

#include <atomic>

namespace base {

// Asks for a stop at the next safe point: whoever works in steps or batches polls it, from any thread. Null: nobody
// ever asks. A request is not taken back.
using Stop = const std::atomic<bool>*;

[[nodiscard]] inline bool Asked(Stop stop) { return stop != nullptr && stop->load(); }
// Throws kInterrupted where it was asked for.
void StopIfAsked(Stop stop);

}  // namespace base
