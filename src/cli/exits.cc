#include "cli/exits.h"

namespace cli {
namespace {

constexpr ExitInfo kExits[] = {
    {base::Exit::kDone, "Done, or GO."},
    {base::Exit::kBug, "A bug in switchback."},
    {base::Exit::kUsage, "Usage or configuration: the command line, a file or the connection is wrong."},
    {base::Exit::kNoGo, "NO_GO, or a plan that is blocked."},
    {base::Exit::kHold, "HOLD: evidence is missing, or a person must decide."},
    {base::Exit::kStale, "The evidence is stale, or the database drifted from it."},
    {base::Exit::kUnverified, "A verification failed."},
    {base::Exit::kTransient, "Transient: nothing changed, try again."},
    {base::Exit::kSafePoint, "Stopped at a safe point: resume or go back."},
    {base::Exit::kInDoubt, "In doubt: a person must look."},
    {base::Exit::kInterrupted, "SIGINT, stopped at a safe point."},
    {base::Exit::kTerminated, "SIGTERM, stopped at a safe point."},
};

}  // namespace

std::span<const ExitInfo> AllExits() { return kExits; }

}  // namespace cli
