#pragma once

#include <string>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/work.h"
#include "plan/phase.h"

namespace cli {

// Phase by phase up to `until`, each behind its own gate, beginning where the release stands. Throws what the gate's
// refusal is (kGateNoGo, kGateHold, kGateStale) and what run::RunTo throws; then the phases before are done. The result
// is where it stands. Where the release is over then, its stream is dropped; before that, those of others that are
// over. `close_window`: a person ends the rollback window of a release that is complete. Where migrate is asked for and
// done, rows that came beside the triggers since are filled.
Outcome Forward(const Invocation& invocation, Context& context, Work& work, plan::Phase until, bool close_window,
                bool fill_again = false);

// The options that Forward reads.
std::vector<Option> ForwardOptions();
// The same for commands that may fill rows.
std::vector<Option> BackfillOptions();

// --terminate-blockers-after, of every command that takes locks; and its reading. Throws kBadDuration.
Option TerminateOption();
void ReadTerminate(const Invocation& invocation, Work& work);

}  // namespace cli
