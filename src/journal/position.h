#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "journal/event.h"
#include "plan/plan.h"

namespace journal {

enum class Direction { kForward, kReverse };
std::string_view Name(Direction direction);  // "forward", "reverse"

// True where the step runs as one transaction in this direction, which its journal line in the mirror then proves. A
// kBackfill is many transactions forward and one on its way back.
bool InOneTransaction(const plan::Step& step, Direction direction);

// What the database itself shows of the steps. Only what was asked is there.
struct Found {
  std::set<std::int64_t> mirrored_intents;    // seq of intents whose transaction committed, as the mirror has them
  std::map<std::string, bool> postcondition;  // by step id: the forward postcondition holds
  std::map<std::string, bool> reverse_postcondition;
};

// Where a release stands on its line of steps: steps [0, done) are done, the rest is not.
struct Position {
  enum class State {
    kClean,        // between two steps
    kInterrupted,  // the step `in_flight` was begun; it is safe to run it again, or to run it the other way
    kConcluded,  // it was begun and is done, though its outcome line is missing: write it, then go on (`done` counts it
                 // already)
    kDrifted,    // the journal says that a step is done, and the database does not show it
  };
  State state = State::kClean;
  std::size_t done = 0;
  std::optional<std::size_t> in_flight;
  Direction direction = Direction::kForward;  // of in_flight
  std::int64_t intent = 0;                    // its seq
  std::optional<std::size_t> half;  // a step that may be half done, because one of its ways is no single transaction
  std::string problem;              // kDrifted: a sentence
  bool failed = false;              // the last thing that happened to `in_flight` was a failure that is on record
  std::string rewound;  // why what was done is not: how the server was restored; empty: it was not, or it went on since

  // Where a way forward begins, and one past where a way back begins: a half done step takes part in both.
  [[nodiscard]] std::size_t ForwardFrom() const { return half.value_or(done); }
  [[nodiscard]] std::size_t BackFrom() const { return half ? *half + 1 : done; }
  // The last phase that is complete; kStart: none.
  [[nodiscard]] plan::Phase Boundary(const plan::Plan& plan) const;
  // True where `done` stands exactly at the end of Boundary().
  [[nodiscard]] bool AtBoundary(const plan::Plan& plan) const;
};

// True where the journal shows no step that is done, half done or begun since the release was closed last.
bool NothingDone(std::span<const Event> events);
// The `closed` line, where nothing opened the release anew since; null: it is not closed.
const Event* Closed(std::span<const Event> events);

// Which conditions must be asked of the database before Derive can tell: the frontier only, because a later step may
// well undo what an earlier one's postcondition says. None about rows (plan::Condition::of_rows): what arrives in a
// table says nothing of where a release stands.
struct Questions {
  std::optional<std::size_t> last_done;    // its postcondition, where its forward was the last thing that ended well
  std::optional<std::size_t> last_undone;  // its reverse postcondition, where its reverse was
  std::optional<std::size_t> in_flight;    // both
};
Questions QuestionsFor(const plan::Plan& plan, std::span<const Event> events);

// Pure. Events before the last `opened` do not count: a release is opened anew only where nothing of it is done.
// Throws kOtherInputs where the events name a step that the plan does not have. An intent without outcome is decided
// by the mirror where its line is mirrored inside the step's own transaction (or the one that closes a backfill), by
// the postcondition for a kConcurrent step, whose intent is mirrored before it begins.
Position Derive(const plan::Plan& plan, std::span<const Event> events, const Found& found);

}  // namespace journal
