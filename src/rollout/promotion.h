#pragma once

#include "gate/facts.h"
#include "gate/gate.h"
#include "rollout/open_release.h"

namespace rollout {

// How the release stands in the environment that comes first, asked of that environment's database: what a checkout's
// files say of it nobody has signed. Changes nothing there. A database that does not answer is told in the fact.
gate::PromotionFact Promotion(OpenRelease& open, gate::Phase phase);

// A person goes on with a plan that differs from the one there: a line of the journal, for these two plans. Where they
// do not differ, nothing.
void AcceptOtherPlan(OpenRelease& open);

}  // namespace rollout
