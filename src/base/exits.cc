#include "base/exits.h"

namespace base {
namespace {

constexpr ExitInfo kExits[] = {
    {Exit::kDone, "Done, or GO."},
    {Exit::kBug, "A bug in switchback."},
    {Exit::kUsage, "Usage or configuration: the command line, a file or the connection is wrong."},
    {Exit::kNoGo, "NO_GO, or a plan that is blocked."},
    {Exit::kHold, "HOLD: evidence is missing, or a person must decide."},
    {Exit::kStale, "The evidence is stale, or the database drifted from it."},
    {Exit::kUnverified, "A verification failed."},
    {Exit::kTransient, "Transient: nothing changed, try again."},
    {Exit::kSafePoint, "Stopped at a safe point: resume or go back."},
    {Exit::kInDoubt, "In doubt: a person must look."},
    {Exit::kInterrupted, "SIGINT, stopped at a safe point."},
    {Exit::kTerminated, "SIGTERM, stopped at a safe point."},
};

}  // namespace

std::span<const ExitInfo> AllExits() { return kExits; }

}  // namespace base
