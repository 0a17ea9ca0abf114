#include "backfill/sampler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "backfill/sql_text.h"
#include "base/error.h"
#include "base/log.h"
#include "pg/transaction.h"

namespace backfill {
namespace {

using base::Code;
using std::chrono::milliseconds;

constexpr milliseconds kDeadline{5'000};
constexpr std::int64_t kSmallTable = 1L << 30;

std::string Sql(std::string_view text) { return std::string(text); }
std::string Array(const std::vector<int>& numbers) { return fmt::format("{{{}}}", fmt::join(numbers, ",")); }

pg::Connection Connect(pg::ConnectOptions options) {
  options.statement_timeout = kDeadline;
  options.lock_timeout = kDeadline / 5;
  return pg::Connection::Open(options);
}

std::optional<std::int64_t> Number(const pg::Result& result, int column) {
  if (result.rows() == 0 || result.IsNull(0, column)) return std::nullopt;
  return result.Int(0, column);
}

}  // namespace

Sampler::Sampler(const Job& job) : job_(job), limits_(job.throttle), connection_(Connect(job.connect)) {
  const auto rights = connection_.Query(Sql(sql_text::kMeasureRights));
  sees_sessions_ = rights.Bool(0, 0);
  sees_archive_ = rights.Bool(0, 1);
  same_machine_ = rights.Bool(0, 2);
  statements_ = rights.Text(0, 3);
}

Facts Sampler::Sample(const std::vector<int>& pids) {
  if (connection_.Broken()) connection_ = Connect(job_.connect);
  Facts facts;
  const auto asked = connection_.Query(Sql(sql_text::kMeasureAsked), {job_.release});
  if (asked.rows() == 1) facts.asked_by = asked.Text(0, 0);
  Replicas(facts);
  Archive(facts);
  Slot(facts);
  Sessions(facts, pids);
  Disk(facts);
  Latency(facts);
  Growth(facts, pids);
  return facts;
}

void Sampler::Try(const std::string& fact, const std::function<void()>& measure) {
  try {
    measure();
  } catch (const base::Error& error) {
    if (error.code() == Code::kConnectionLost || error.code() == Code::kUnreachable) throw;
    Unknown(fact, error.detail().empty() ? error.message() : error.detail());
  }
}

void Sampler::Unknown(const std::string& fact, const std::string& why) {
  if (std::ranges::find(unknown_, fact) != unknown_.end()) return;
  unknown_.push_back(fact);
  base::Warn("the backfill does not look at {}: {}", fact, why);
}

void Sampler::Replicas(Facts& facts) {
  if (!limits_.replica_lag && !limits_.replica_lag_bytes) return;
  if (!sees_sessions_) return Unknown("replica_lag", "GRANT pg_read_all_stats to the role that runs it");
  Try("replica_lag", [&] {
    const auto lag = connection_.Query(Sql(sql_text::kMeasureReplicas));
    facts.replica_lag_bytes = Number(lag, 0);
    if (const auto time = Number(lag, 1)) facts.replica_lag = milliseconds(*time);
  });
}

void Sampler::Archive(Facts& facts) {
  if (!limits_.archive_backlog) return;
  Try("archive_backlog", [&] {
    facts.archive_backlog =
        Number(connection_.Query(Sql(sees_archive_ ? sql_text::kMeasureArchive : sql_text::kMeasureArchiveByName)), 0);
  });
}

void Sampler::Slot(Facts& facts) {
  if (job_.slot.empty() || (!limits_.slot_retained && !limits_.slot_room)) return;
  Try("slot_room", [&] {
    const auto slot = connection_.Query(Sql(sql_text::kMeasureSlot), {job_.slot});
    facts.slot_retained = Number(slot, 0);
    facts.slot_room = Number(slot, 1);
  });
}

void Sampler::Sessions(Facts& facts, const std::vector<int>& pids) {
  if (limits_.lock_waiters) {
    Try("lock_waiters", [&] {
      facts.lock_waiters =
          Number(connection_.Query(Sql(sql_text::kMeasureWaiters), {job_.backfill.table.Sql(), Array(pids)}), 0);
    });
  }
  if (!limits_.oldest_transaction) return;
  if (!sees_sessions_) return Unknown("oldest_transaction", "GRANT pg_read_all_stats to the role that runs it");
  Try("oldest_transaction", [&] {
    const auto oldest = connection_.Query(Sql(sql_text::kMeasureTransactions), {Array(pids)});
    if (oldest.rows() == 0) return;
    facts.oldest_transaction = milliseconds(oldest.Int(0, 0));
    facts.oldest_session = oldest.Text(0, 1);
  });
}

void Sampler::Disk(Facts& facts) {
  if (!limits_.free_disk) return;
  if (!same_machine_) return Unknown("free_disk", "the server is on another machine, or the role may not ask where");
  Try("free_disk", [&] {
    const std::filesystem::path data =
        connection_.Query("SELECT pg_catalog.current_setting('data_directory')").Text(0, 0);
    for (const auto& place : {data, data / "pg_wal"}) {
      std::error_code error;
      const auto space = std::filesystem::space(place, error);
      if (error) continue;  // in another container, or behind a directory that is closed to us
      const auto free = static_cast<std::int64_t>(space.available);
      facts.free_disk = std::min(facts.free_disk.value_or(free), free);
    }
    if (!facts.free_disk) Unknown("free_disk", fmt::format("{} is not to be seen from here", data.string()));
  });
}

void Sampler::Latency(Facts& facts) {
  if (!limits_.latency) return;
  if (!limits_.latency_query.empty()) return Probe(facts);
  if (statements_.empty()) return Unknown("latency", "give a latency_query, or install pg_stat_statements");
  Statements(facts);
}

void Sampler::Probe(Facts& facts) {
  // What takes twice as long as it may is known well enough.
  const milliseconds longest = *limits_.latency * 2;
  const auto began = std::chrono::steady_clock::now();
  const auto took = [&] { return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began); };
  Try("latency", [&] {
    try {
      pg::Transaction transaction(connection_, pg::Transaction::Isolation::kReadCommitted, true);
      connection_.Exec(fmt::format("SET LOCAL statement_timeout = {}", longest.count()));
      connection_.Query(limits_.latency_query);
      facts.latency = took();
    } catch (const base::Error& error) {
      if (error.code() != Code::kDeadline && error.code() != Code::kLockTimeout) throw;
      facts.latency = std::max(took(), longest);
    }
  });
}

void Sampler::Statements(Facts& facts) {
  Try("latency", [&] {
    const auto sums = connection_.Exec(fmt::format(
        "SELECT pg_catalog.sum(total_exec_time), pg_catalog.sum(calls) FROM {}.pg_stat_statements WHERE dbid = (SELECT "
        "oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND toplevel AND query NOT "
        "LIKE "
        "'%switchback%'",
        statements_));
    if (sums.IsNull(0, 0)) return;
    const std::pair now{sums.Double(0, 0), sums.Double(0, 1)};
    if (before_ && now.second > before_->second && now.first >= before_->first) {
      const double mean = (now.first - before_->first) / (now.second - before_->second);
      facts.latency = milliseconds(static_cast<std::int64_t>(mean));
    }
    before_ = now;
  });
}

void Sampler::Growth(Facts& facts, const std::vector<int>& pids) {
  if (!limits_.table_growth) return;
  Try("table_growth", [&] {
    const auto leaf = connection_.Query(Sql(sql_text::kMeasureGrowth),
                                        {job_.backfill.table.Sql(), std::to_string(kSmallTable), Array(pids)});
    if (leaf.rows() == 0) return;
    facts.growth = Facts::Leaf{leaf.Text(0, 0), leaf.Int(0, 1), leaf.Int(0, 2), leaf.Bool(0, 3), leaf.Text(0, 4)};
  });
}

}  // namespace backfill
