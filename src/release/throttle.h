#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace release {

class YamlValue;

// How fast a backfill may be, and what holds it back: `throttle` of switchback.yaml. A limit is the most (of room: the
// least) that is fine; beyond it a backfill waits between two batches. Nothing: that fact is not looked at.
struct Throttle {
  std::chrono::milliseconds every{1'000};  // the period of the measurements
  int workers = 0;                         // sessions that fill; 0: as many as there are cores, at most 4
  std::chrono::milliseconds batch{200};  // what a batch is to take, and so for how long it holds the locks of its rows
  double share = 1;                      // of the time in which a worker, or an audit of the stream, works
  std::optional<std::int64_t> replica_lag_bytes = 256L << 20;  // of the replica that is furthest behind
  std::optional<std::chrono::milliseconds> replica_lag = std::chrono::seconds(10);
  std::optional<std::int64_t> archive_backlog = 64;    // segments that wait for the archive
  std::optional<std::int64_t> slot_retained = {};      // WAL that the checkpoint's slot holds back, bytes
  std::optional<std::int64_t> slot_room = 256L << 20;  // WAL until the server gives that slot up, bytes
  std::optional<std::int64_t> lock_waiters = 0;        // sessions that wait for a lock on the table for over 0.5 s
  std::optional<std::chrono::milliseconds> oldest_transaction = std::chrono::hours(1);
  std::optional<std::int64_t> free_disk = 1L << 30;       // of a server on this machine, bytes
  std::optional<std::chrono::milliseconds> latency = {};  // of latency_query, else the mean of pg_stat_statements
  std::string latency_query = {};
  std::optional<double> table_growth = 0.5;  // dead rows for each live one, of leaves above 1 GB
  std::optional<std::chrono::milliseconds> longest_pause = std::chrono::hours(1);  // then the run stops
};

// Reads the keys that are there over what `throttle` has. Throws kBadYaml.
void ReadThrottle(const YamlValue& value, Throttle& throttle);

}  // namespace release
