#pragma once

#include "base/json.h"
#include "plan/phase.h"
#include "run/session.h"

namespace recover {

struct Undo {
  std::size_t steps = 0;  // taken back
  base::Json kept =
      base::Json::array();  // rows left alone because an application changed them since: {table, key, reason}
};

// Takes steps back, newest first, down to the state after phase `to`. Throws kNoWayBack, with the step, before anything
// is done; else as run::Runner. A crash leaves a position from which the same command goes on.
Undo UndoTo(const run::Session& session, plan::Phase to);

}  // namespace recover
