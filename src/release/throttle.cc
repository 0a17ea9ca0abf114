#include "release/throttle.h"

#include <fmt/core.h>

#include <limits>

#include "base/time.h"
#include "release/yaml.h"

namespace release {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestBatch{5};
constexpr milliseconds kLongestBatch{400};  // a batch is given up after 450 ms
constexpr double kLeastShare = 0.01;

template <typename T, typename Read>
void Limit(const YamlMap& map, std::string_view key, std::optional<T>& limit, const Read& read) {
  const auto value = map.Find(key);
  if (!value) return;
  if (value->Text() == "off") {
    limit.reset();
  } else {
    limit = read(*value);
  }
}

milliseconds Positive(const YamlValue& value) {
  const milliseconds duration = value.Duration();
  if (duration.count() <= 0) value.Fail(fmt::format("{} must be above 0", value.path()), "`off` switches a limit off.");
  return duration;
}

std::int64_t Bytes(const YamlValue& value) { return value.Bytes(); }
std::int64_t Count(const YamlValue& value) { return value.Integer(0, std::numeric_limits<int>::max()); }

double Ratio(const YamlValue& value) {
  const double ratio = value.Number();
  if (!(ratio > 0)) value.Fail(fmt::format("{} must be above 0", value.path()), "`off` switches a limit off.");
  return ratio;
}

}  // namespace

void ReadThrottle(const YamlValue& value, Throttle& throttle) {
  const YamlMap map = value.Map({"every", "workers", "batch", "share", "replica_lag_bytes", "replica_lag",
                                 "archive_backlog", "slot_retained", "slot_room", "lock_waiters", "oldest_transaction",
                                 "free_disk", "latency", "latency_query", "table_growth", "longest_pause"});
  if (const auto every = map.Find("every")) throttle.every = Positive(*every);
  if (const auto workers = map.Find("workers")) throttle.workers = static_cast<int>(workers->Integer(1, 64));
  if (const auto batch = map.Find("batch")) {
    throttle.batch = batch->Duration();
    if (throttle.batch < kShortestBatch || throttle.batch > kLongestBatch) {
      batch->Fail(fmt::format("{} must be from {} to {}", batch->path(), base::FormatDuration(kShortestBatch),
                              base::FormatDuration(kLongestBatch)),
                  "Row locks are held for as long as a batch takes.");
    }
  }
  if (const auto share = map.Find("share")) {
    throttle.share = share->Number();
    if (!(throttle.share >= kLeastShare && throttle.share <= 1)) {
      share->Fail(fmt::format("{} must be from {} to 1", share->path(), kLeastShare),
                  "0.1 lets a worker rest nine times as long as each batch took.");
    }
  }
  Limit(map, "replica_lag_bytes", throttle.replica_lag_bytes, Bytes);
  Limit(map, "replica_lag", throttle.replica_lag, Positive);
  Limit(map, "archive_backlog", throttle.archive_backlog, Count);
  Limit(map, "slot_retained", throttle.slot_retained, Bytes);
  Limit(map, "slot_room", throttle.slot_room, Bytes);
  Limit(map, "lock_waiters", throttle.lock_waiters, Count);
  Limit(map, "oldest_transaction", throttle.oldest_transaction, Positive);
  Limit(map, "free_disk", throttle.free_disk, Bytes);
  Limit(map, "latency", throttle.latency, Positive);
  Limit(map, "table_growth", throttle.table_growth, Ratio);
  Limit(map, "longest_pause", throttle.longest_pause, Positive);
  const auto query = map.Find("latency_query");
  if (query) throttle.latency_query = query->Text();
  if (query && !throttle.latency) {
    query->Fail(fmt::format("{} is measured, and nothing is compared with it", query->path()),
                "Give `latency`, the longest time that is fine.");
  }
}

}  // namespace release
