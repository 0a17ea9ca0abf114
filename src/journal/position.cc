#include "journal/position.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace journal {
namespace {

// What the journal alone says.
struct Told {
  std::size_t done = 0;
  std::optional<std::size_t> in_flight;
  Direction direction = Direction::kForward;
  std::int64_t intent = 0;
  bool failed = false;
  std::optional<std::size_t> half;
  std::optional<std::size_t> last_done;
  std::optional<std::size_t> last_undone;
  std::string rewound;
};

std::size_t IndexOf(const plan::Plan& plan, const std::string& id) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].id == id) return i;
  }
  throw base::Error(base::Code::kOtherInputs,
                    fmt::format("the journal speaks of step {}, which the plan does not have", id));
}

Direction DirectionOf(const Event& event) {
  return event.body.at("direction") == Name(Direction::kReverse) ? Direction::kReverse : Direction::kForward;
}

// A plan that was given up before anything of it was done: what its steps were called does not matter any more.
bool OfAnotherPlan(const plan::Plan& plan, std::span<const Event> events) {
  const auto opened = std::find_if(events.rbegin(), events.rend(), [](const Event& e) { return e.kind == "opened"; });
  if (opened == events.rend()) return false;
  const auto with = opened->body.find("plan");
  return with != opened->body.end() && *with != plan.digest && NothingDone(events);
}

// Until the release goes on, on the server as it is.
std::string Rewound(std::span<const Event> events) {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->kind == "checkpoint" || event->kind == "intent" || event->kind == "closed") return "";
    if (event->kind == "rewound") return event->body.value("why", "");
  }
  return "";
}

Told Read(const plan::Plan& plan, std::span<const Event> all) {
  const Counting counting(all);
  const std::span<const Event> events = counting.events();
  Told told;
  told.rewound = Rewound(events);
  if (OfAnotherPlan(plan, events)) return told;
  const auto opened = std::find_if(events.rbegin(), events.rend(),
                                   [](const Event& event) { return event.kind == "opened" || event.kind == "closed"; });
  for (const Event& event : events.subspan(static_cast<std::size_t>(events.rend() - opened))) {
    if (event.kind == "abandoned") {
      told.in_flight.reset();
      told.failed = false;
    }
    if (event.kind != "intent" && event.kind != "outcome" && event.kind != "failed") continue;
    const std::size_t step = IndexOf(plan, event.body.at("step"));
    const Direction direction = DirectionOf(event);
    if (event.kind == "intent") {
      told.in_flight = step;
      told.direction = direction;
      told.intent = event.seq;
      told.failed = false;
      if (!InOneTransaction(plan.steps[step], direction)) told.half = step;
    } else if (event.kind == "failed") {
      told.failed = true;
      if (event.body.value("rolled_back", false)) told.half.reset();
    } else {
      const bool forward = direction == Direction::kForward;
      told.done = forward ? step + 1 : step;
      told.in_flight.reset();
      told.half.reset();
      told.failed = false;
      told.last_done = forward ? std::optional(step) : std::nullopt;
      told.last_undone = forward ? std::nullopt : std::optional(step);
    }
  }
  // At the start nothing is there that could be missing: what has a name of the release's by now is another's.
  if (told.last_undone == 0U) told.last_undone.reset();
  return told;
}

const plan::Condition& ConditionOf(const plan::Step& step, Direction direction) {
  return direction == Direction::kForward ? step.postcondition : step.reverse_postcondition;
}

// The database's answer; `otherwise` where it was not asked, or was asked about rows.
bool Holds(const plan::Step& step, Direction direction, const Found& found, bool otherwise) {
  const auto& answers = direction == Direction::kForward ? found.postcondition : found.reverse_postcondition;
  const auto answer = answers.find(step.id);
  return answer == answers.end() || ConditionOf(step, direction).of_rows ? otherwise : answer->second;
}

// An empty condition says nothing about a step that its mirror line does not decide.
bool Shown(const plan::Step& step, Direction direction, const Found& found) {
  return !ConditionOf(step, direction).sql.empty() && Holds(step, direction, found, false);
}

void Contradict(Position& position, const plan::Plan& plan, std::size_t step, Direction direction) {
  const bool forward = direction == Direction::kForward;
  const plan::Step& which = plan.steps[step];
  const std::string& text = ConditionOf(which, direction).text;
  position.state = Position::State::kDrifted;
  position.done = step;
  position.problem = fmt::format("step {} ({}) {} by the journal, but the database does not show it{}{}", which.id,
                                 which.title, forward ? "is done" : "was taken back", text.empty() ? "" : ": ", text);
}

// The last thing that ended well must still show, unless a step that is no single transaction has begun since.
bool FrontierHolds(Position& position, const plan::Plan& plan, const Told& told, const Found& found) {
  if (told.last_done && !Holds(plan.steps[*told.last_done], Direction::kForward, found, true)) {
    Contradict(position, plan, *told.last_done, Direction::kForward);
  } else if (told.last_undone && !Holds(plan.steps[*told.last_undone], Direction::kReverse, found, true)) {
    Contradict(position, plan, *told.last_undone, Direction::kReverse);
  }
  return position.state != Position::State::kDrifted;
}

void Conclude(Position& position) {
  position.state = Position::State::kConcluded;
  position.done = *position.in_flight + (position.direction == Direction::kForward ? 1 : 0);
  position.half.reset();
}

void Interrupt(Position& position, const plan::Plan& plan, const Told& told, const Found& found) {
  if (!told.half && !FrontierHolds(position, plan, told, found)) return;
  position.state = Position::State::kInterrupted;
  // Half taken back is not done any more, unless the database shows that it still is.
  if (told.half && !Shown(plan.steps[*told.half], Direction::kForward, found)) position.done = *told.half;
}

// A line of the mirror is written in the step's own transaction, or in the one that closes a backfill.
void JudgeByMirror(Position& position, const plan::Plan& plan, const Told& told, const Found& found) {
  const plan::Step& step = plan.steps[*told.in_flight];
  if (told.failed || !found.mirrored_intents.contains(told.intent)) {
    Interrupt(position, plan, told, found);
  } else if (!Holds(step, told.direction, found, true)) {
    Contradict(position, plan, *told.in_flight, told.direction);
  } else {
    Conclude(position);
  }
}

void JudgeByCondition(Position& position, const plan::Plan& plan, const Told& told, const Found& found) {
  if (!told.failed && Shown(plan.steps[*told.in_flight], told.direction, found)) {
    Conclude(position);
  } else {
    Interrupt(position, plan, told, found);
  }
}

}  // namespace

std::string_view Name(Direction direction) { return direction == Direction::kForward ? "forward" : "reverse"; }

bool InOneTransaction(const plan::Step& step, Direction direction) {
  if (step.kind == plan::StepKind::kBackfill) return direction == Direction::kReverse;
  return step.transactional;
}

bool NothingDone(std::span<const Event> events) {
  std::set<std::string> done;
  bool open = false;
  const Counting counting(events);
  for (const Event& event : counting.events()) {
    if (event.kind == "closed") {
      done.clear();
      open = false;
    }
    if (event.kind == "intent") open = true;
    if (event.kind == "failed") open = open && !event.body.value("rolled_back", false);
    if (event.kind != "outcome") continue;
    open = false;
    const std::string step = event.body.at("step");
    if (event.body.at("direction") == "forward") {
      done.insert(step);
    } else {
      done.erase(step);
    }
  }
  return done.empty() && !open;
}

const Event* Closed(std::span<const Event> events) {
  const std::vector<bool> counts = Counts(events);
  for (std::size_t i = events.size(); i-- > 0;) {
    if (!counts[i]) continue;
    if (events[i].kind == "closed") return &events[i];
    if (events[i].kind == "opened") return nullptr;
  }
  return nullptr;
}

Questions QuestionsFor(const plan::Plan& plan, std::span<const Event> events) {
  const Told told = Read(plan, events);
  Questions questions{.last_done = told.last_done, .last_undone = told.last_undone, .in_flight = told.in_flight};
  if (told.last_done && plan.steps[*told.last_done].postcondition.of_rows) questions.last_done.reset();
  return questions;
}

Position Derive(const plan::Plan& plan, std::span<const Event> events, const Found& found) {
  const Told told = Read(plan, events);
  Position position;
  position.done = told.done;
  position.in_flight = told.in_flight;
  position.direction = told.direction;
  position.intent = told.in_flight ? told.intent : 0;
  position.failed = told.failed;
  position.half = told.half;
  position.rewound = told.rewound;
  if (!told.in_flight) {
    FrontierHolds(position, plan, told, found);
  } else if (plan.steps[*told.in_flight].kind == plan::StepKind::kBackfill ||
             InOneTransaction(plan.steps[*told.in_flight], told.direction)) {
    JudgeByMirror(position, plan, told, found);
  } else {
    JudgeByCondition(position, plan, told, found);
  }
  return position;
}

plan::Phase Position::Boundary(const plan::Plan& plan) const {
  plan::Phase boundary = plan::Phase::kStart;
  for (const plan::Phase phase : plan.Phases()) {
    if (plan.EndOf(phase) <= done) boundary = phase;
  }
  return boundary;
}

bool Position::AtBoundary(const plan::Plan& plan) const { return plan.EndOf(Boundary(plan)) == done; }

}  // namespace journal
