#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "release/throttle.h"

// When a backfill has to wait. Pure.
namespace backfill {

// What was measured; nothing: it could not be, or is not there (no replica, archiving off, no slot).
struct Facts {
  struct Leaf {
    std::string relation = {};  // the leaf with most dead rows for each live one
    std::int64_t dead = 0;
    std::int64_t live = 0;
    bool autovacuum = true;
    std::string holder = {};  // whose view of the rows is the oldest; empty: nobody's
  };
  std::string asked_by = {};  // who asked for a pause, and when; empty: nobody
  std::optional<std::int64_t> replica_lag_bytes = {};
  std::optional<std::chrono::milliseconds> replica_lag = {};
  std::optional<std::int64_t> archive_backlog = {};  // segments
  std::optional<std::int64_t> slot_retained = {};    // bytes
  std::optional<std::int64_t> slot_room = {};        // bytes; nothing: without a limit, or lost already
  std::optional<std::int64_t> lock_waiters = {};
  std::optional<std::chrono::milliseconds> oldest_transaction = {};
  std::string oldest_session = {};             // "pid 4711 (pgbench)"
  std::optional<std::int64_t> free_disk = {};  // bytes
  std::optional<std::chrono::milliseconds> latency = {};
  std::optional<Leaf> growth = {};
};

struct Reason {
  std::string fact;  // the key of its limit in switchback.yaml; "pause": a person asked for it
  std::string text;  // "a replica is 14 s behind, over 10 s"
};

// The first reason to wait; nothing: go on.
std::optional<Reason> Throttled(const release::Throttle& limits, const Facts& facts);

}  // namespace backfill
