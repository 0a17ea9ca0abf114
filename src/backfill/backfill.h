#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "pg/connection.h"
#include "plan/step.h"

// Fills the pending rows of one column in batches. Block ranges decide where to look, never what is done: a batch takes
// pending rows only, and at the end a look over the whole table must find none. Each batch is one short transaction
// with its cursor in switchback.backfill_cursor; a crash leaves filled batches, and the cursor says where to go on.
namespace backfill {

struct Job {
  pg::ConnectOptions connect;
  std::string release;
  std::string step;
  const plan::Backfill& backfill;
  std::string search_path;  // of the expressions, as in plan::Step
  std::chrono::milliseconds lock_timeout{2'000};
  int workers = 0;  // 0: as many as there are cores, at most 4
  const std::atomic<bool>* stop = nullptr;
  std::function<void(pg::Connection&)> begin;  // first thing in each batch's transaction; from several threads
  std::function<void(const std::string&)> progress = {};  // from several threads, never two at once
};

// Rows filled. Throws kBackfillStuck, kInterrupted (between two batches), and what `begin` throws.
std::int64_t Fill(const Job& job);

// Inside the caller's transaction, under the job's search_path: writes the rows that cannot be converted into
// switchback.unconverted, in place of those listed before.
void ListUnconverted(pg::Connection& connection, const Job& job);

// Forgets the cursors of a step that is done, or taken back.
void Forget(pg::Connection& connection, const std::string& release, const std::string& step);

}  // namespace backfill
