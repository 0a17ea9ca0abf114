#include "backfill/throttle.h"

#include <fmt/core.h>

#include "base/time.h"

namespace backfill {
namespace {

template <typename T, typename L>
bool Over(const std::optional<T>& fact, const std::optional<L>& limit) {
  return fact && limit && *fact > *limit;
}

std::string Size(std::int64_t bytes) {
  return bytes < 10 << 20 ? fmt::format("{} kB", bytes >> 10) : fmt::format("{} MB", bytes >> 20);
}

std::optional<Reason> ByReplicas(const release::Throttle& limits, const Facts& facts) {
  if (Over(facts.replica_lag_bytes, limits.replica_lag_bytes)) {
    return Reason{"replica_lag_bytes", fmt::format("a replica is {} behind, over {}", Size(*facts.replica_lag_bytes),
                                                   Size(*limits.replica_lag_bytes))};
  }
  if (Over(facts.replica_lag, limits.replica_lag)) {
    return Reason{"replica_lag",
                  fmt::format("a replica is {} behind, over {}", base::FormatDuration(*facts.replica_lag),
                              base::FormatDuration(*limits.replica_lag))};
  }
  return std::nullopt;
}

std::optional<Reason> ByWal(const release::Throttle& limits, const Facts& facts) {
  if (Over(facts.archive_backlog, limits.archive_backlog)) {
    return Reason{"archive_backlog", fmt::format("{} WAL segments wait for the archive, over {}",
                                                 *facts.archive_backlog, *limits.archive_backlog)};
  }
  if (Over(facts.slot_retained, limits.slot_retained)) {
    return Reason{"slot_retained", fmt::format("the checkpoint's slot holds back {} of WAL, over {}",
                                               Size(*facts.slot_retained), Size(*limits.slot_retained))};
  }
  if (facts.slot_room && limits.slot_room && *facts.slot_room < *limits.slot_room) {
    return Reason{"slot_room", fmt::format("{} more of WAL and the checkpoint's slot is lost, below {}: raise "
                                           "max_slot_wal_keep_size and reload",
                                           Size(*facts.slot_room), Size(*limits.slot_room))};
  }
  if (facts.free_disk && limits.free_disk && *facts.free_disk < *limits.free_disk) {
    return Reason{"free_disk", fmt::format("{} are free on the server's disk, below {}", Size(*facts.free_disk),
                                           Size(*limits.free_disk))};
  }
  return std::nullopt;
}

std::optional<Reason> BySessions(const release::Throttle& limits, const Facts& facts) {
  if (Over(facts.lock_waiters, limits.lock_waiters)) {
    return Reason{"lock_waiters", fmt::format("{} sessions wait for a lock on the table, over {}", *facts.lock_waiters,
                                              *limits.lock_waiters)};
  }
  if (Over(facts.oldest_transaction, limits.oldest_transaction)) {
    return Reason{"oldest_transaction",
                  fmt::format("{} has a transaction open for {}, over {}: no vacuum removes what died since",
                              facts.oldest_session, base::FormatDuration(*facts.oldest_transaction),
                              base::FormatDuration(*limits.oldest_transaction))};
  }
  if (Over(facts.latency, limits.latency)) {
    return Reason{"latency", fmt::format("the latency is {}, over {}", base::FormatDuration(*facts.latency),
                                         base::FormatDuration(*limits.latency))};
  }
  return std::nullopt;
}

std::optional<Reason> ByGrowth(const release::Throttle& limits, const Facts& facts) {
  if (!facts.growth || !limits.table_growth) return std::nullopt;
  const Facts::Leaf& leaf = *facts.growth;
  const double most = *limits.table_growth * static_cast<double>(leaf.live);
  if (static_cast<double>(leaf.dead) <= most) return std::nullopt;
  return Reason{
      "table_growth",
      fmt::format("{} has {} dead rows beside {} live ones, over {:.0f} %: {}", leaf.relation, leaf.dead, leaf.live,
                  *limits.table_growth * 100,
                  leaf.autovacuum ? fmt::format("autovacuum removes them, or VACUUM {}", leaf.relation)
                                  : fmt::format("autovacuum is off for it, VACUUM {}", leaf.relation)) +
          (leaf.holder.empty() ? "" : fmt::format("; {} has the oldest view of what may be removed", leaf.holder))};
}

}  // namespace

std::optional<Reason> Throttled(const release::Throttle& limits, const Facts& facts) {
  if (!facts.asked_by.empty()) return Reason{"pause", fmt::format("{} asked for a pause", facts.asked_by)};
  for (const auto& look : {ByReplicas, ByWal, BySessions, ByGrowth}) {
    if (auto reason = look(limits, facts)) return reason;
  }
  return std::nullopt;
}

}  // namespace backfill
