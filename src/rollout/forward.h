#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gate/gate.h"
#include "journal/position.h"
#include "plan/plan.h"
#include "rollout/open_release.h"
#include "rollout/stream_term.h"

namespace rollout {

struct ForwardOptions {
  plan::Phase until = plan::Phase::kSwitch;
  bool in_order = false;      // only `until` itself: throws kPhaseOrder where a phase before it is not done
  bool fill_again = false;    // where migrate is done, rows that came beside the triggers since are filled
  bool close_window = false;  // a person ends the rollback window of a release that is complete
  bool accept_point_of_no_return = false;  // a person's word, kept in the journal
  bool accept_alarms = false;              // likewise, of those that stand
  bool accept_other_plan = false;          // likewise, of a plan that is not the one of the environment before
  std::int64_t rows_per_s = 0;             // that a backfill fills at most; 0: no limit
  std::optional<std::chrono::milliseconds> terminate_blockers_after = {};  // as in run::Limits
};

struct ForwardReport {
  struct Done {
    plan::Phase phase = plan::Phase::kStart;
    gate::Decision verdict = gate::Decision::kGo;
    std::chrono::milliseconds took{0};
  };
  std::vector<Done> phases;
  std::int64_t filled = 0;  // rows, by fill_again
  journal::Position position;
  std::string kept;  // where the release is complete and its slot is still there: how long; else empty
  std::string next;  // see Advice
};

// Phase by phase up to `until`, each behind its own gate, beginning where the release stands. Throws what the gate's
// refusal is (kGateNoGo, kGateHold, kGateStale), what run::RunTo throws, and kInterrupted; then the phases before are
// done. Where the release is over then, its stream is dropped; before that, those of others that are over.
ForwardReport Forward(OpenRelease& open, const ForwardOptions& options);

}  // namespace rollout
