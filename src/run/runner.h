#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/long_work.h"
#include "journal/position.h"
#include "journal/tag.h"
#include "pg/connection.h"
#include "pg/lock_meter.h"
#include "run/lease.h"
#include "run/rows_done.h"
#include "run/session.h"

namespace backfill {
struct Job;
}

namespace run {

// What a step did.
struct Done {
  std::int64_t rows = 0;
  base::Json locks = base::Json::array();
  base::Json kept = base::Json::array();  // rows that a way back left alone: {table, key, reason}
};

// Runs steps of one release, forward or back, one at a time. The constructor takes the lease, checks that plan,
// database, timeline and touched objects are those the release knows, finds its position and concludes what was left
// without an outcome line. Throws kUntrusted, kLeaseHeld, kOtherInputs, kJournalForked, kDrifted (with each difference
// that matters), kOtherRelease.
//
// A step: an intent line on disk; its transaction, with the journal's mirror and the touched objects' description in
// it; an outcome line. A crash anywhere is found by the next Runner.
class Runner {
 public:
  // `way`: in which it is about to run. A way back needs less of the objects than a way forward.
  explicit Runner(const Session& session, journal::Direction way = journal::Direction::kForward);
  Runner(const Runner&) = delete;
  // Where the run ends with an error, brings the journal's last lines to the mirror, if that is possible.
  ~Runner();
  Runner& operator=(const Runner&) = delete;

  [[nodiscard]] const journal::Position& position() const { return position_; }

  // Throws kObstructed (before anything began), kStepRefused, kStepFailed, kStepUnproven (rolled back, or half done
  // where the step is no single transaction), kLockGivenUp (nothing changed), kLeaseLost, kInterrupted (between two
  // attempts), kCommitInDoubt.
  Done Run(std::size_t index, journal::Direction direction);
  // Fills rows that came beside the triggers of steps that are done; how many. The release stands where it stood, and a
  // crash leaves filled batches. Throws as Run does for a backfill, and as FindUnfilled.
  std::int64_t FillAgain();
  // A way forward that failed and left nothing is not tried again: the release stands where it stood before it.
  void GiveUpFailed();
  // Brings the rest of the journal to its mirror. After the last step of a run.
  void Finish();

 private:
  void CheckTouched(journal::Direction way);
  void CheckOthers(bool begun);
  void CheckFirst();
  void Conclude();
  void RecordRollback();
  // Before rows of the tables are written: where others may add code to them at any time, it is looked for again, under
  // a lock that keeps them from it.
  void KeepOthersOut(pg::Connection& connection, const std::vector<pg::QualifiedName>& tables) const;
  Done Attempts(std::size_t index, journal::Direction direction, std::int64_t intent);
  // Before an attempt that applications may queue behind: how long it may wait for locks altogether. `waits`: of the
  // last one.
  std::chrono::milliseconds AwaitRoom(std::size_t index, journal::Direction direction, const pg::Waits& waits) const;
  Done Attempt(const plan::Step& step, journal::Direction direction, std::int64_t intent, pg::LockMeter& meter,
               pg::LockWatch& watch);
  Done InTransaction(const plan::Step& step, journal::Direction direction, std::int64_t intent, pg::LockMeter& meter);
  Done Concurrently(const plan::Step& step, journal::Direction direction, std::int64_t intent, pg::LockWatch& watch);
  void Outside(const plan::Step& step, journal::Direction direction, std::int64_t intent, pg::LockWatch& watch);
  [[nodiscard]] backfill::Job JobOf(const plan::Step& step, const plan::Backfill& backfill, std::int64_t intent);
  Done Backfilled(const plan::Step& step, std::int64_t intent);

  void Prologue(pg::Connection& connection) const;
  // Before the first statement of the step's transaction: the locks of its tables, where they are several, by name;
  // long for the first, and for the others only so long that no application finds a deadlock. Gives how long its
  // statements wait for each further one, which is set.
  std::chrono::milliseconds TakeLocks(const plan::Step& step, journal::Direction direction, pg::LockMeter& meter);
  void LimitIdle(const pg::LockMeter& meter);
  std::int64_t RunStatements(const std::vector<plan::Statement>& statements, pg::LockMeter& meter,
                             std::chrono::milliseconds lock_timeout);
  void DropInvalid(const plan::Step& step);
  void CleanUp(const plan::Step& step);
  // After a failure: the database is as it was before the step.
  [[nodiscard]] bool LeftNothing(const plan::Step& step, journal::Direction direction) const;
  void CheckObstacles(const plan::Step& step, journal::Direction direction);
  bool EndBlockers(const plan::Step& step, journal::Direction direction, std::int64_t intent,
                   const base::Json& blockers);
  void Close(const plan::Step& step, journal::Direction direction, std::int64_t through);
  void Prove(const plan::Step& step, journal::Direction direction);
  void StopIfAsked() const;
  void Tell(Progress::What what, std::size_t index, journal::Direction direction, std::string text) const;
  // Tells how far a step's transaction is; `rows`: where it is a data step, else null.
  [[nodiscard]] base::LongWork Telling(const plan::Step& step, journal::Direction direction, RowsDone* rows) const;
  [[noreturn]] void GiveUp(std::size_t index, journal::Direction direction, const pg::Waits& waits, int attempts);

  const Session& session_;
  pg::ConnectOptions connect_;  // with a budget of waits for locks
  pg::Connection connection_;
  std::optional<Lease> lease_;
  journal::Position position_;
  journal::Tag tag_;  // of the transactions: the step that runs
  // Frozen with its locks, a process keeps them for as long as the server lets its session idle, which is not less than
  // this: a slow machine is not a frozen one. An attempt leaves that of its room, or half of a small one.
  static constexpr std::chrono::milliseconds kFrozen{1'000};
  std::chrono::milliseconds frozen_reserve_{0};
  std::chrono::milliseconds idle_limit_{0};   // of the transaction
  base::Json blocked_ = base::Json::array();  // who was in the way of the last attempt to fill
  bool first_ = false;                        // nothing of the release was done before the step that runs
  base::Json before_;                         // the touched objects before the step that runs
  bool others_may_ = false;                   // add code to what the release touches; see catalog/trust.h
  bool cleaned_ = false;                      // the last attempt was in no transaction, and left nothing all the same
};

// Forward to the end of a phase.
void RunTo(const Session& session, plan::Phase phase);
// Runner::FillAgain, and nothing else.
std::int64_t FillAgain(const Session& session);

}  // namespace run
