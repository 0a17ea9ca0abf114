#include "journal/position.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "base/error.h"

namespace journal {
namespace {

using State = Position::State;

plan::Plan SmallPlan() {
  plan::Plan plan;
  const auto add = [&](const char* id, plan::Phase phase, plan::StepKind kind, bool transactional) {
    plan::Step step;
    step.id = id;
    step.phase = phase;
    step.kind = kind;
    step.transactional = transactional;
    step.postcondition = {"SELECT on", "it is there"};
    step.reverse_postcondition = {"SELECT off", "it is gone"};
    plan.steps.push_back(step);
  };
  add("expand.1", plan::Phase::kExpand, plan::StepKind::kSql, true);
  add("migrate.1", plan::Phase::kMigrate, plan::StepKind::kBackfill, false);
  add("migrate.2", plan::Phase::kMigrate, plan::StepKind::kConcurrent, false);
  add("contract.1", plan::Phase::kContract, plan::StepKind::kSql, true);
  return plan;
}

enum class Effect { kOff, kHalf, kOn };

// How a run of one step can end.
enum class End { kCrashBefore, kCrashHalf, kCrashAfter, kFailed, kWell };
constexpr End kEnds[] = {End::kCrashBefore, End::kCrashHalf, End::kCrashAfter, End::kFailed, End::kWell};

// A database and a journal, and a runner that dies wherever it can.
struct World {
  const plan::Plan* plan = nullptr;
  std::vector<Effect> effects;
  std::vector<Event> events;
  std::set<std::int64_t> mirrored;

  void Write(const char* kind, std::size_t step, Direction direction) {
    Event event;
    event.seq = static_cast<std::int64_t>(events.size()) + 1;
    event.kind = kind;
    event.body = {{"step", plan->steps[step].id}, {"direction", Name(direction)}};
    events.push_back(event);
  }

  void MirrorAll() {
    for (const Event& event : events) {
      if (event.kind == "intent") mirrored.insert(event.seq);
    }
  }

  [[nodiscard]] Found Truth() const {
    Found found;
    found.mirrored_intents = mirrored;
    const Questions questions = QuestionsFor(*plan, events);
    for (const auto& asked : {questions.last_done, questions.last_undone, questions.in_flight}) {
      if (!asked) continue;
      found.postcondition[plan->steps[*asked].id] = effects[*asked] == Effect::kOn;
      found.reverse_postcondition[plan->steps[*asked].id] = effects[*asked] == Effect::kOff;
    }
    return found;
  }

  void Run(std::size_t step, Direction direction, End end) {
    const bool one = InOneTransaction(plan->steps[step], direction);
    const Effect wanted = direction == Direction::kForward ? Effect::kOn : Effect::kOff;
    Write("intent", step, direction);
    if (end == End::kCrashBefore) return;
    const bool early = plan->steps[step].kind == plan::StepKind::kConcurrent;
    if (early) MirrorAll();
    if (end == End::kCrashHalf || end == End::kFailed) {
      if (!one) effects[step] = Effect::kHalf;
      if (end == End::kFailed) Write("failed", step, direction);
      return;
    }
    effects[step] = wanted;
    if (!early) MirrorAll();
    if (end == End::kWell) Write("outcome", step, direction);
  }
};

// Every step that counts as done is done, the others are not; only the one in flight may be half.
void ExpectTrue(const World& world, const Position& position) {
  ASSERT_NE(position.state, State::kDrifted) << position.problem;
  for (std::size_t i = 0; i < world.effects.size(); ++i) {
    if (world.effects[i] == Effect::kHalf) {
      EXPECT_EQ(position.in_flight, i);
      EXPECT_EQ(position.state, State::kInterrupted);
      EXPECT_EQ(position.ForwardFrom(), i);
      EXPECT_EQ(position.BackFrom(), i + 1);
      EXPECT_LE(position.done, i);
    } else {
      EXPECT_EQ(i < position.done, world.effects[i] == Effect::kOn) << "step " << i;
    }
  }
  EXPECT_EQ(position.state == State::kClean, !position.in_flight.has_value());
}

// Whatever the database answers, nothing is counted that an answer contradicts.
void ExpectNoContradiction(const World& world) {
  const Questions asked = QuestionsFor(*world.plan, world.events);
  for (unsigned answers = 0; answers < 32; ++answers) {
    if ((!asked.in_flight && (answers & 19) != 0) || (!asked.last_done && (answers & 4) != 0) ||
        (!asked.last_undone && (answers & 8) != 0)) {
      continue;
    }
    Found found = world.Truth();
    const auto set = [&](std::optional<std::size_t> step, std::map<std::string, bool>& into, unsigned bit) {
      if (step) into[world.plan->steps[*step].id] = (answers & bit) != 0;
    };
    set(asked.in_flight, found.postcondition, 1);
    set(asked.in_flight, found.reverse_postcondition, 2);
    set(asked.last_done, found.postcondition, 4);
    set(asked.last_undone, found.reverse_postcondition, 8);
    const Position truth = Derive(*world.plan, world.events, found);
    if ((answers & 16) != 0) found.mirrored_intents.insert(truth.intent);
    const Position position = Derive(*world.plan, world.events, found);
    EXPECT_LE(position.done, world.plan->steps.size());
    if (position.state == State::kDrifted) {
      EXPECT_FALSE(position.problem.empty());
      continue;
    }
    if (position.state == State::kClean) {
      EXPECT_FALSE(position.in_flight);
    }
    if (position.state == State::kConcluded) {
      const bool forward = position.direction == Direction::kForward;
      const std::string& id = world.plan->steps[*position.in_flight].id;
      EXPECT_TRUE(forward ? found.postcondition.at(id) : found.reverse_postcondition.at(id));
      EXPECT_FALSE(position.failed);
      EXPECT_EQ(position.done, *position.in_flight + (forward ? 1 : 0));
    }
    if (asked.last_done && !asked.in_flight) {
      EXPECT_TRUE(found.postcondition.at(world.plan->steps[*asked.last_done].id));
    }
    if (asked.last_undone && !asked.in_flight) {
      EXPECT_TRUE(found.reverse_postcondition.at(world.plan->steps[*asked.last_undone].id));
    }
  }
}

TEST(Position, FindsTheTruthAfterEveryHistory) {
  const plan::Plan plan = SmallPlan();
  std::size_t histories = 0;
  const std::function<void(const World&, int)> explore = [&](const World& world, int left) {
    ++histories;
    const Position position = Derive(plan, world.events, world.Truth());
    ExpectTrue(world, position);
    ExpectNoContradiction(world);
    if (left == 0 || testing::Test::HasFailure()) return;
    World next = world;
    if (position.state == State::kConcluded) next.Write("outcome", *position.in_flight, position.direction);
    for (const End end : kEnds) {
      if (const std::size_t step = position.ForwardFrom(); step < plan.steps.size()) {
        World forward = next;
        forward.Run(step, Direction::kForward, end);
        explore(forward, left - 1);
      }
      if (const std::size_t after = position.BackFrom(); after > 0) {
        World back = next;
        back.Run(after - 1, Direction::kReverse, end);
        explore(back, left - 1);
      }
    }
  };
  // From the start, and from the middle and the end of the line.
  for (std::size_t begin = 0; begin <= plan.steps.size(); ++begin) {
    World world{.plan = &plan, .effects = std::vector(plan.steps.size(), Effect::kOff), .events = {}, .mirrored = {}};
    for (std::size_t i = 0; i < begin; ++i) world.Run(i, Direction::kForward, End::kWell);
    explore(world, 3);
  }
  EXPECT_GT(histories, 3000U);
}

TEST(Position, NamesTheStepThatTheDatabaseDoesNotShow) {
  const plan::Plan plan = SmallPlan();
  World world{.plan = &plan, .effects = std::vector(4, Effect::kOff), .events = {}, .mirrored = {}};
  world.Run(0, Direction::kForward, End::kWell);
  Found found = world.Truth();
  found.postcondition["expand.1"] = false;
  const Position position = Derive(plan, world.events, found);
  EXPECT_EQ(position.state, State::kDrifted);
  EXPECT_EQ(position.done, 0U);
  EXPECT_NE(position.problem.find("expand.1"), std::string::npos);
}

// Rows arrive beside the triggers whenever they like: wherever the release stands, and whatever it is about to do, that
// is not taken for a change of what it made.
TEST(Position, WhatArrivesInATableIsNeverDrift) {
  plan::Plan plan = SmallPlan();
  plan.steps[1].postcondition.of_rows = true;
  for (std::size_t begin = 0; begin <= plan.steps.size(); ++begin) {
    World world{.plan = &plan, .effects = std::vector(plan.steps.size(), Effect::kOff), .events = {}, .mirrored = {}};
    for (std::size_t i = 0; i < begin; ++i) world.Run(i, Direction::kForward, End::kWell);
    const auto expect_no_drift = [&](const World& then) {
      Found found = then.Truth();
      found.postcondition["migrate.1"] = false;
      EXPECT_NE(Derive(plan, then.events, found).state, State::kDrifted) << begin;
      EXPECT_NE(QuestionsFor(plan, then.events).last_done, 1U);
    };
    expect_no_drift(world);
    for (const End end : kEnds) {
      for (const bool back : {false, true}) {
        if (back ? begin == 0 : begin == plan.steps.size()) continue;
        World next = world;
        next.Run(back ? begin - 1 : begin, back ? Direction::kReverse : Direction::kForward, end);
        expect_no_drift(next);
      }
    }
  }
}

// Another release may have made something of the same name since this one was taken back.
TEST(Position, AtTheStartNothingIsMissing) {
  const plan::Plan plan = SmallPlan();
  World world{.plan = &plan, .effects = std::vector(plan.steps.size(), Effect::kOff), .events = {}, .mirrored = {}};
  world.Run(0, Direction::kForward, End::kWell);
  world.Run(0, Direction::kReverse, End::kWell);
  Found found = world.Truth();
  found.reverse_postcondition["expand.1"] = false;
  EXPECT_EQ(Derive(plan, world.events, found).state, State::kClean);
}

TEST(Position, AConcurrentStepWithoutPostconditionIsNeverConcludedByItself) {
  plan::Plan plan = SmallPlan();
  plan.steps[2].postcondition.sql.clear();
  World world{.plan = &plan, .effects = std::vector(4, Effect::kOff), .events = {}, .mirrored = {}};
  world.Run(2, Direction::kForward, End::kCrashAfter);
  Found found = world.Truth();
  found.postcondition["migrate.2"] = true;
  const Position position = Derive(plan, world.events, found);
  EXPECT_EQ(position.state, State::kInterrupted);
  EXPECT_EQ(position.half, 2U);
}

TEST(Position, KnowsItsBoundary) {
  const plan::Plan plan = SmallPlan();
  const auto at = [](std::size_t done) {
    Position position;
    position.done = done;
    return position;
  };
  EXPECT_EQ(at(0).Boundary(plan), plan::Phase::kStart);
  EXPECT_TRUE(at(0).AtBoundary(plan));
  EXPECT_EQ(at(1).Boundary(plan), plan::Phase::kExpand);
  EXPECT_EQ(at(2).Boundary(plan), plan::Phase::kExpand);
  EXPECT_FALSE(at(2).AtBoundary(plan));
  EXPECT_EQ(at(3).Boundary(plan), plan::Phase::kMigrate);
  EXPECT_EQ(at(4).Boundary(plan), plan::Phase::kContract);
}

TEST(Position, WhatWasRewoundDoesNotCount) {
  const plan::Plan plan = SmallPlan();
  World world{.plan = &plan, .effects = std::vector(4, Effect::kOff), .events = {}, .mirrored = {}};
  for (const std::size_t step : {0U, 1U, 2U}) world.Run(step, Direction::kForward, End::kWell);
  const auto rewind = [&](std::int64_t lines) {
    Event event;
    event.seq = static_cast<std::int64_t>(world.events.size()) + 1;
    event.kind = "rewound";
    event.body = {{"lines", lines}, {"why", "at restore point"}};
    world.events.push_back(event);
  };
  Found found;
  found.mirrored_intents = world.mirrored;
  const auto derive = [&] { return Derive(plan, world.events, found); };
  rewind(2);
  EXPECT_EQ(derive().done, 1U);
  EXPECT_EQ(derive().rewound, "at restore point");
  EXPECT_FALSE(NothingDone(world.events));
  rewind(0);
  EXPECT_EQ(derive().done, 0U);
  EXPECT_TRUE(NothingDone(world.events));
  EXPECT_EQ(QuestionsFor(plan, world.events).last_done, std::nullopt);
  rewind(4);
  EXPECT_EQ(derive().done, 2U) << "back where the lines before the others count";
  world.Run(2, Direction::kForward, End::kWell);
  EXPECT_EQ(derive().done, 3U);
  EXPECT_EQ(derive().rewound, "");
  rewind(3);
  EXPECT_EQ(derive().in_flight, 1U) << "an intent whose outcome was not known there yet";
}

TEST(Position, RefusesAnotherPlansJournalButNotAnEarlierOpening) {
  plan::Plan plan = SmallPlan();
  World world{.plan = &plan, .effects = std::vector(4, Effect::kOff), .events = {}, .mirrored = {}};
  world.Run(0, Direction::kForward, End::kWell);
  plan.steps[0].id = "expand.9";
  EXPECT_THROW(Derive(plan, world.events, {}), base::Error);
  EXPECT_EQ(Derive(SmallPlan(), world.events, {}).done, 1U);
  Event opened;
  opened.kind = "opened";
  world.events.push_back(opened);
  EXPECT_EQ(Derive(SmallPlan(), world.events, {}).done, 0U);
}

}  // namespace
}  // namespace journal
