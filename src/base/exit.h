#pragma once

namespace base {

// Exit codes of the program: few, so that scripts can branch on them; the SB code says the rest.
enum class Exit : int {
  kDone = 0,           // done, or GO
  kBug = 1,            // a bug in switchback
  kUsage = 2,          // usage or configuration
  kNoGo = 10,          // the gate says NO_GO, or a plan is blocked
  kHold = 11,          // the gate says HOLD: evidence is missing or a person must decide
  kStale = 12,         // evidence is stale, or the database drifted from it
  kUnverified = 13,    // a verification failed
  kTransient = 20,     // transient, nothing changed, try again
  kSafePoint = 30,     // stopped at a safe point: resume or go back
  kInDoubt = 31,       // in doubt, a person must look
  kInterrupted = 130,  // SIGINT, at a safe point
  kTerminated = 143,   // SIGTERM, at a safe point
};

}  // namespace base
