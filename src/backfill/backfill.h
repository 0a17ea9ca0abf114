#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/stop.h"
#include "base/time.h"
#include "pg/connection.h"
#include "plan/step.h"
#include "release/throttle.h"

// Fills the pending rows of one column in batches. Block ranges decide where to look, never what is done: a batch takes
// pending rows only, and at the end a look over the whole table must find none. Each batch is one short transaction
// with its cursor in switchback.backfill_cursor; a crash leaves filled batches, and the cursor says where to go on.
//
// The calling thread measures meanwhile, and holds the workers back between two batches while a limit is passed or a
// person asked for a pause (a row in switchback.pause).
namespace backfill {

struct Report {
  std::int64_t rows = 0;  // of the step, those of runs before this one among them
  std::int64_t rows_per_s = 0;
  std::int64_t blocks = 0;  // looked at in this pass
  std::int64_t all_blocks = 0;
  int pass = 0;  // from 1; each looks at the whole table
  std::optional<std::chrono::milliseconds> left = {};
  std::string waits_for = {};  // why it is held back; empty: it is not
};

// Waits for one reason that followed each other closely.
struct Pause {
  std::string fact;  // as in Reason
  std::string text;  // the last reason
  base::Time since = {};
  base::Time until = {};
  int times = 0;
  std::chrono::milliseconds waited{0};
};

struct Job {
  pg::ConnectOptions connect;
  std::string release;
  std::string step;
  const plan::Backfill& backfill;
  std::string search_path;  // of the expressions, as in plan::Step
  std::chrono::milliseconds lock_timeout{2'000};
  release::Throttle throttle = {};
  std::int64_t rows_per_s = 0;  // 0: no limit
  std::string slot = {};        // of the checkpoint; empty: none
  base::Stop stop = nullptr;
  std::function<void(pg::Connection&)> begin;  // first thing in each batch's transaction; from several threads
  // Both from the calling thread.
  std::function<void(const Report&)> progress = {};  // about five times a second
  std::function<void(const Pause&)> paused = {};     // when it is over
  // What else takes long, from another thread; empty: the log takes it.
  std::function<void(const std::string&)> tell = {};
  // Before Fill throws kLockTimeout or kDeadlock: who was in the way, as in pg::Waits.
  std::function<void(const base::Json&)> blocked = {};
};

struct Filled {
  std::int64_t rows = 0;
  base::Json locks = base::Json::array();  // as of pg::LockMeter: of each table, in the batch that held it longest
};

// Throws kStepRefused where triggers of the users would fire that neither the plan lets nor the role may
// skip; kBackfillStuck, kBackfillHeld, kInterrupted (between two batches), kLockTimeout or kDeadlock where rows stay
// locked, and what `begin` throws.
Filled Fill(const Job& job);

// Inside the caller's transaction, under the job's search_path: writes the rows that cannot be converted into
// switchback.unconverted, in place of those listed before.
void ListUnconverted(pg::Connection& connection, const Job& job);

// Forgets the cursors of a step that is done, or taken back.
void Forget(pg::Connection& connection, const std::string& release, const std::string& step);

}  // namespace backfill
