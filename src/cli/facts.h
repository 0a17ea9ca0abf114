#pragma once

#include "cli/context.h"
#include "cli/work.h"
#include "gate/facts.h"
#include "gate/gate.h"

namespace cli {

// Finds out what the gate asks: from release, plan, journal, checkpoint and database. Changes nothing. What cannot be
// found out is absent.
gate::Facts CollectFacts(Context& context, Work& work);

gate::Policy GatePolicy(const release::Policy& policy);

// Looks what the release wrote since the last time, decides, and writes facts and verdict into the journal.
gate::Verdict Judge(Context& context, Work& work, gate::Phase phase);

}  // namespace cli
