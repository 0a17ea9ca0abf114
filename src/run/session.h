#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/stop.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "release/throttle.h"

namespace run {

struct Limits {
  std::chrono::milliseconds lock_timeout = std::chrono::seconds(2);
  int lock_retries = 10;
  // A concurrent index build waits for old transactions and blocks nobody meanwhile.
  std::chrono::milliseconds concurrent_lock_timeout = std::chrono::minutes(10);
  // Sessions that block a step for so long, and are in their transaction for so long, are ended. None: never.
  std::optional<std::chrono::milliseconds> terminate_blockers_after = {};
  release::Throttle throttle = {};       // of backfills
  std::int64_t backfill_rows_per_s = 0;  // 0: no limit
};

// How far a backfill is; see backfill::Report.
struct Filling {
  std::int64_t rows = 0;
  std::int64_t rows_per_s = 0;
  std::int64_t blocks = 0;
  std::int64_t all_blocks = 0;
  int pass = 1;
  std::optional<std::chrono::milliseconds> left = {};
  std::string waits_for = {};
};

struct Progress {
  enum class What { kBegins, kEnds, kRetries, kWaits, kBackfill };
  What what = What::kBegins;
  const plan::Step* step = nullptr;
  journal::Direction direction = journal::Direction::kForward;
  std::size_t number = 0;  // of the step in the plan, from 1
  std::size_t of = 0;
  std::string text;      // what there is to say, a sentence; nothing of kBackfill
  Filling filling = {};  // of kBackfill, about five times a second
};

// All that a run needs to know. It is a value: who runs has asked the gate before.
struct Session {
  pg::ConnectOptions connect;
  const plan::Plan& plan;
  journal::Journal& journal;
  std::string tag_secret;  // journal::RunSecret of the state directory
  Limits limits = {};
  std::chrono::milliseconds rollback_window{0};  // of release.yaml, for other releases to know
  std::string verdict_digest = {};               // of the verdict that let this run begin; goes into the journal
  std::string program_version = {};
  std::string environment = {};
  std::map<std::string, std::string> files = {};  // of the release, by name: "sha256:<hex>"
  std::map<std::string, std::string> texts = {};  // the same and plan.lock.json, as they are, for other checkouts
  base::Stop stop = nullptr;
  // One at a time, but not always from the same thread: what a statement is at is told from beside it.
  std::function<void(const Progress&)> progress = {};
  // After the outcome of each step. What it throws ends the run at this safe point.
  std::function<void(const plan::Step&, journal::Direction)> after_step = {};
};

}  // namespace run
