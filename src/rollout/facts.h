#pragma once

#include "gate/facts.h"
#include "gate/gate.h"
#include "rollout/open_release.h"

namespace rollout {

// Finds out what the gate asks: from release, plan, journal, checkpoint and database. Looks what the release wrote
// since the last time, which may stand in the journal then; changes nothing else. What cannot be found out is absent.
gate::Facts Measure(OpenRelease& open, gate::Phase phase);

gate::Policy GatePolicy(const release::Policy& policy);

// Decides, and writes facts and verdict into the journal.
gate::Verdict Judge(OpenRelease& open, gate::Phase phase);

}  // namespace rollout
