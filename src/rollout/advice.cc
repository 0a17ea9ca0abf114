#include "rollout/advice.h"

#include <fmt/core.h>

namespace rollout {
namespace {

std::string Steps(const plan::Plan& plan, const journal::Position& position) {
  return fmt::format("{} of {} steps done", position.done, plan.steps.size());
}

// The phase that a way forward goes through next; nothing: all is done.
std::optional<plan::Phase> NextPhase(const plan::Plan& plan, const journal::Position& position) {
  const std::size_t from = position.ForwardFrom();
  if (from >= plan.steps.size()) return {};
  return plan.steps[from].phase;
}

std::string NextOfRewound(const release::Release& release, const journal::Position& position) {
  if (position.done > 0) {
    return fmt::format("switchback run {0} goes on from there, switchback rollback {0} goes back", release.name);
  }
  return fmt::format(
      "switchback checkpoint {0}, then switchback run {0}, which begins at the start again; or switchback close {0}",
      release.name);
}

}  // namespace

std::string ShowPosition(const plan::Plan& plan, const journal::Position& position) {
  using State = journal::Position::State;
  const plan::Phase boundary = position.Boundary(plan);
  if (position.state == State::kDrifted) return fmt::format("not where the journal says: {}", position.problem);
  if (position.state == State::kInterrupted && position.in_flight) {
    return fmt::format("stopped at step {} ({}), {}; {}", plan.steps[*position.in_flight].id, Name(position.direction),
                       position.failed ? "which failed" : "which was begun and did not end", Steps(plan, position));
  }
  if (!position.rewound.empty()) {
    return fmt::format("rewound, because the server was restored ({}): {}", position.rewound,
                       position.done == 0 ? "at the start, nothing done" : Steps(plan, position));
  }
  if (position.done == 0 && !position.half) return "at the start, nothing done";
  if (position.done == plan.steps.size() && !position.half) return fmt::format("complete, {}", Steps(plan, position));
  if (position.AtBoundary(plan) && !position.half)
    return fmt::format("after {}, {}", Name(boundary), Steps(plan, position));
  return fmt::format("inside {}, {}", Name(plan.steps[position.ForwardFrom()].phase), Steps(plan, position));
}

base::Json PositionFacts(const plan::Plan& plan, const journal::Position& position) {
  using State = journal::Position::State;
  base::Json facts = {{"text", ShowPosition(plan, position)},
                      {"boundary", Name(position.Boundary(plan))},
                      {"at_boundary", position.AtBoundary(plan) && !position.half},
                      {"steps_done", position.done},
                      {"steps", plan.steps.size()},
                      {"step_in_flight", nullptr},
                      {"direction", nullptr},
                      {"failed", position.failed},
                      {"problem", position.problem.empty() ? base::Json(nullptr) : base::Json(position.problem)}};
  facts["rewound"] = position.rewound.empty() ? base::Json() : base::Json(position.rewound);
  facts["state"] = !position.rewound.empty()               ? "rewound"
                   : position.state == State::kClean       ? "clean"
                   : position.state == State::kInterrupted ? "interrupted"
                   : position.state == State::kConcluded   ? "concluded"
                                                           : "drifted";
  if (position.in_flight) {
    facts["step_in_flight"] = plan.steps[*position.in_flight].id;
    facts["direction"] = Name(position.direction);
  }
  return facts;
}

std::optional<base::Time> DoneAt(const journal::Journal& journal, const std::string& step) {
  std::optional<base::Time> done;
  for (const journal::Event& event : journal.events()) {
    if (event.kind == "outcome" && event.body.value("step", "") == step &&
        event.body.value("direction", "") == "forward")
      done = event.at;
  }
  return done;
}

std::string Advice(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                   const journal::Position& position) {
  using State = journal::Position::State;
  if (position.state == State::kDrifted) {
    return fmt::format("switchback diagnose {}: undo the change of the database, or restore", release.name);
  }
  if (position.state == State::kInterrupted) {
    return fmt::format("switchback run {0} goes on, switchback rollback {0} goes back", release.name);
  }
  if (!position.rewound.empty()) return NextOfRewound(release, position);
  const std::optional<plan::Phase> next = NextPhase(plan, position);
  if (!next) {
    const journal::Event* built = journal.Last("evidence");
    const journal::Event* last = journal.Last("outcome");
    const bool evidenced = built != nullptr && (last == nullptr || built->seq > last->seq);
    return fmt::format("switchback {} {}", evidenced ? "close" : "evidence build", release.name);
  }
  const journal::Event* outcome = journal.Last("outcome");
  if (position.done == 0 && outcome != nullptr && outcome->body.value("direction", "") == "reverse") {
    return fmt::format("switchback close {0} ends it, switchback run {0} goes forward again", release.name);
  }
  if (position.done == 0 && journal.Last("checkpoint") == nullptr)
    return fmt::format("switchback checkpoint {}", release.name);
  if (*next == plan::Phase::kContract) {
    return fmt::format("deploy the new version; when the old one is gone: switchback contract {}", release.name);
  }
  return fmt::format("switchback {} {}", Name(*next), release.name);
}

std::string NextOfConflicts(const std::string& release, const std::string& file, const std::string& then) {
  return fmt::format(
      "decide the conflicts: switchback restore {0} --decide CAUSE=CHOICE, or `take` in a copy of {1} and switchback "
      "restore {0} --resolve COPY; then {2}",
      release, file, then);
}

}  // namespace rollout
