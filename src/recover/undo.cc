#include "recover/undo.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/failpoint.h"
#include "run/runner.h"

namespace recover {

Undo UndoTo(const run::Session& session, plan::Phase to) {
  run::Runner runner(session, journal::Direction::kReverse);
  const std::size_t target = session.plan.EndOf(to);
  const std::size_t from = runner.position().BackFrom();
  for (std::size_t i = target; i < from; ++i) {
    const plan::Step& step = session.plan.steps[i];
    if (step.reverse) continue;
    throw base::Error(base::Code::kNoWayBack, fmt::format("step {} ({}) has no way back", step.id, step.title));
  }
  base::Failpoint(base::FailpointId::kUndoBegins);
  Undo undo;
  for (std::size_t i = from; i > target; --i) {
    run::Done done = runner.Run(i - 1, journal::Direction::kReverse);
    for (base::Json& row : done.kept) undo.kept.push_back(std::move(row));
    ++undo.steps;
  }
  if (undo.steps == 0) runner.GiveUpFailed();
  base::Failpoint(base::FailpointId::kUndoEnds);
  runner.Finish();
  return undo;
}

}  // namespace recover
