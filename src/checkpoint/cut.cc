#include "checkpoint/cut.h"

#include <fmt/core.h>

#include <thread>

#include "base/error.h"
#include "checkpoint/sql_text.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"

namespace checkpoint {
namespace {

// Runs `ask`; nothing where the role has no right to it.
template <typename Ask>
std::optional<std::string> IfAllowed(Ask ask) {
  try {
    return ask().Text(0, 0);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    return std::nullopt;
  }
}

std::uint64_t SegmentBytes(pg::Connection& source) {
  return static_cast<std::uint64_t>(source.Query(std::string(sql_text::kReadServer)).Int(0, 2));
}

// Anyone may write a message into the log; one that is not transactional stands for itself. It is its prefix that is
// long: pg_waldump prints a content byte by byte, which takes a second for a few megabytes.
std::string EmitFiller(pg::Connection& source, std::uint64_t bytes) {
  return source
      .Query("SELECT pg_logical_emit_message(false, 'switchback' || repeat('.', $1::int), ''::text)",
             {std::to_string(bytes)})
      .Text(0, 0);
}

// A segment is archived when it is full or switched. A role that may not switch it fills it.
void FinishSegment(pg::Connection& source, backup::Lsn end, std::uint64_t segment_bytes) {
  if (IfAllowed([&] { return source.Query("SELECT pg_switch_wal()"); })) return;
  constexpr std::uint64_t kChunk = 1 << 20;
  const std::uint64_t full = (end.value + segment_bytes - 1) / segment_bytes * segment_bytes;
  while (backup::Lsn::Parse(EmitFiller(source, kChunk)).value <= full) {
  }
}

// Marks the point in the log, and says up to where the log is needed to stop there.
backup::Lsn Mark(pg::Connection& source, const std::string& name, backup::Point& point) {
  const auto named = IfAllowed([&] { return source.Query("SELECT pg_create_restore_point($1)", {name}); });
  const pg::Result now = source.Query(std::string(sql_text::kReadTimeline));
  point.timeline = static_cast<std::uint32_t>(now.Int(0, 0));
  if (named) {
    point.name = name;
    point.lsn = backup::Lsn::Parse(*named);
    return point.lsn;
  }
  point.lsn = backup::Lsn::Parse(now.Text(0, 1));
  // Replay stops in front of the record that begins there; behind this message, that record is complete.
  return backup::Lsn::Parse(EmitFiller(source, 1));
}

// A slot on a standby is built from records of the transactions that are open. PostgreSQL wants three of them, with the
// transactions of the former ended at the next, where a slot on a primary waits and writes them itself. A segment of
// its own: at its start the standby knows all that the source's slot needs of the catalog.
std::optional<backup::Lsn> LogSnapshots(pg::Connection& source, std::uint64_t segment_bytes) {
  constexpr int kOnStandbysSince = 160000;
  constexpr int kSnapshots = 3;
  constexpr std::chrono::seconds kPatience(5);
  constexpr std::chrono::milliseconds kPause(5);
  if (source.ServerVersion() < kOnStandbysSince) return std::nullopt;
  if (source.Query(std::string(sql_text::kReadServer)).Text(0, 3) != "logical") return std::nullopt;
  IfAllowed([&] { return source.Query("SELECT pg_switch_wal()"); });
  const auto from = backup::Lsn::Parse(source.Query(std::string(sql_text::kReadTimeline)).Text(0, 1));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (int logged = 1;; ++logged) {
    if (!IfAllowed([&] { return source.Query("SELECT pg_log_standby_snapshot()"); })) return std::nullopt;
    if (logged == kSnapshots) return backup::Lsn{.value = from.value / segment_bytes * segment_bytes};
    const std::string last = source.Query("SELECT pg_current_xact_id()").Text(0, 0);
    while (!source.Query("SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8", {last}).Bool(0, 0)) {
      if (std::chrono::steady_clock::now() >= until) return std::nullopt;
      std::this_thread::sleep_for(kPause);
    }
  }
}

// Takes the lock or throws kLockTimeout; each attempt is short, because writers queue behind it.
std::unique_ptr<pg::Transaction> LockTables(pg::Connection& locker, const CutRequest& request) {
  std::string list;
  for (const pg::QualifiedName& table : request.hashed) list += (list.empty() ? "" : ", ") + table.Sql();
  std::unique_ptr<pg::Transaction> transaction;
  pg::RetryForLocks(locker, request.locks, "the SHARE lock on " + list, [&](std::chrono::milliseconds lock_timeout) {
    auto attempt = std::make_unique<pg::Transaction>(locker);
    pg::SetLockTimeout(locker, lock_timeout);
    pg::LockTables(locker, list + " IN SHARE MODE", lock_timeout);
    transaction = std::move(attempt);
  });
  return transaction;
}

backup::Lsn MarkAndHash(pg::Connection& source, const CutRequest& request, Cut& cut) {
  pg::ConnectOptions options = source.options();
  options.statement_timeout = std::chrono::milliseconds(0);
  pg::Connection locker = pg::Connection::Open(options);
  pg::Connection reader = pg::Connection::Open(options);
  std::unique_ptr<pg::Transaction> lock = LockTables(locker, request);
  const std::string snapshot = locker.Query("SELECT pg_export_snapshot()").Text(0, 0);
  pg::Transaction reading(reader, pg::Transaction::Isolation::kRepeatableRead, true);
  reader.Exec("SET TRANSACTION SNAPSHOT " + pg::Literal(snapshot));
  const backup::Lsn end = Mark(source, request.name, cut.point);
  lock->Commit();
  cut.content.emplace();
  for (const pg::QualifiedName& table : request.hashed) (*cut.content)[table] = HashTable(reader, table);
  return end;
}

}  // namespace

Cut MakeCut(pg::Connection& source, const CutRequest& request) {
  Cut cut;
  cut.point.system_identifier = source.Query(std::string(sql_text::kReadServer)).Text(0, 1);
  const std::uint64_t segment_bytes = SegmentBytes(source);
  if (request.decodable) cut.parking = LogSnapshots(source, segment_bytes);
  const backup::Lsn end =
      request.hashed.empty() ? Mark(source, request.name, cut.point) : MarkAndHash(source, request, cut);
  cut.segment = backup::SegmentBefore(cut.point.timeline, end, segment_bytes);
  FinishSegment(source, end, segment_bytes);
  return cut;
}

}  // namespace checkpoint
