#include "pg/lock_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <random>

#include "base/error.h"
#include "base/log.h"
#include "base/redact.h"
#include "base/stop.h"
#include "base/time.h"
#include "pg/quote.h"
#include "pg/sql_text.h"

namespace pg {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
// pg_blocking_pids locks the server's whole lock table for a moment.
constexpr milliseconds kBlockersEvery{200};

milliseconds Every(LockWatch::Of of) {
  switch (of) {
    case LockWatch::Of::kTransaction:
      return milliseconds(20);
    case LockWatch::Of::kConcurrent:
      return milliseconds(200);
    case LockWatch::Of::kIdle:
      break;
  }
  return milliseconds(1000);
}

// Of a setting; 0 would be no limit.
milliseconds InRange(milliseconds timeout) {
  return std::clamp<milliseconds>(timeout, milliseconds(1), std::chrono::hours(24));
}

base::Json TextOrNull(const Result& rows, int row, int column) {
  return rows.IsNull(row, column) ? base::Json() : base::Json(rows.Text(row, column));
}

base::Json Blockers(Connection& connection, const std::string& pid) {
  const auto rows = connection.Query(std::string(sql_text::kBlockers), {pid});
  base::Json list = base::Json::array();
  for (int i = 0; i < rows.rows(); ++i) {
    list.push_back({{"pid", rows.Int(i, 0)},
                    {"application", rows.Text(i, 1)},
                    {"user", rows.Text(i, 2)},
                    {"transaction_age_ms", rows.IsNull(i, 3) ? base::Json() : base::Json(rows.Int(i, 3))},
                    {"state", rows.Text(i, 4)},
                    {"query", base::WithoutLiterals(rows.Text(i, 5))},
                    {"backend", rows.Text(i, 6)},
                    {"waits", rows.Bool(i, 7)},
                    {"backend_start", TextOrNull(rows, i, 8)},
                    {"transaction_start", TextOrNull(rows, i, 9)},
                    {"gid", TextOrNull(rows, i, 10)}});
  }
  return list;
}

std::string IndexProgress(Connection& connection, const std::string& pid) {
  const auto row = connection.Query(std::string(sql_text::kIndexProgress), {pid});
  if (row.rows() == 0 || row.IsNull(0, 0)) return "";
  std::string text = row.Text(0, 0);
  if (!row.IsNull(0, 1) && row.Int(0, 1) > 0)
    text += fmt::format(", {} of {} sessions waited for", row.Int(0, 2), row.Int(0, 1));
  if (!row.IsNull(0, 3) && row.Int(0, 3) > 0)
    text += fmt::format(", {} % of its blocks", row.Int(0, 4) * 100 / row.Int(0, 3));
  return text;
}

std::string BlockerText(const base::Json& blocker) {
  const base::Json& age = blocker.at("transaction_age_ms");
  const std::string how_long =
      age.is_null() ? "" : base::FormatDuration(std::chrono::milliseconds(age.get<std::int64_t>()));
  const auto user = blocker.at("user").get<std::string>();
  if (blocker.at("gid").is_string()) {
    const auto gid = blocker.at("gid").get<std::string>();
    return fmt::format(
        "the prepared transaction {} (user {}, prepared {} ago); who knows its outcome ends it\n"
        "  COMMIT PREPARED {};\n  ROLLBACK PREPARED {};",
        gid, user, how_long, Literal(gid), Literal(gid));
  }
  const auto pid = blocker.at("pid").get<std::int64_t>();
  const auto state = blocker.at("state").get<std::string>();
  return fmt::format("pid {} ({}, user {}, {}{}): {}\n  SELECT pg_terminate_backend({});", pid,
                     blocker.at("application").get<std::string>(), user, state.empty() ? "state hidden" : state,
                     how_long.empty() ? "" : ", in its transaction for " + how_long,
                     blocker.at("query").get<std::string>(), pid);
}

}  // namespace

LockWatch::LockWatch(const ConnectOptions& options, int pid, Of of)
    : of_(of), thread_([this, options, pid](const std::stop_token& stop) { Watch(stop, options, pid); }) {}

Waits LockWatch::Finish() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return waits_;
}

WaitsNow LockWatch::Now() {
  const std::scoped_lock lock(mutex_);
  return now_;
}

milliseconds LockWatch::Waited() {
  const std::scoped_lock lock(mutex_);
  const Clock::duration unseen = may_wait_ ? Clock::now() - seen_ : Clock::duration(0);
  const bool brief = blind_ && unseen < Every(Of::kTransaction);
  return std::chrono::ceil<milliseconds>(waited_ + (brief ? Clock::duration(0) : unseen));
}

void LockWatch::Look(Connection& connection, const std::string& process, milliseconds since) {
  const auto waiting = connection.Query(std::string(sql_text::kWaitingLocks), {process});
  const bool ask = waiting.rows() > 0 && Clock::now() - looked_ >= kBlockersEvery;
  const base::Json blockers = ask ? Blockers(connection, process) : base::Json();
  std::string index;
  std::optional<Result> held;
  if (of_ == Of::kConcurrent) {
    index = IndexProgress(connection, process);
    held = connection.Query(std::string(sql_text::kTableLocks), {process});
  }

  const std::scoped_lock lock(mutex_);
  const auto now = Clock::now();
  const bool waits = waiting.rows() > 0;
  if (waits || (may_wait_ && !blind_)) waited_ += now - seen_;
  may_wait_ = waits;
  blind_ = false;
  seen_ = now;
  for (int i = 0; i < waiting.rows(); ++i) waits_.by_relation[waiting.Text(i, 0)] += since;
  if (ask) looked_ = Clock::now();
  if (ask && !blockers.empty()) waits_.blockers = now_.blockers = blockers;
  if (waiting.rows() == 0) now_.blockers = base::Json::array();
  now_.waited = waiting.rows() == 0 ? milliseconds(0) : now_.waited + since;
  now_.index = std::move(index);
  for (int i = 0; held && i < held->rows(); ++i) {
    Waits::Held& entry = waits_.held[held->Text(i, 0)];
    entry.mode = held->Text(i, 1);
    entry.seen += since;
  }
}

void LockWatch::Watch(const std::stop_token& stop, ConnectOptions options, int pid) {
  const std::string process = std::to_string(pid);
  try {
    options.statement_timeout = std::chrono::seconds(5);
    auto connection = Connection::Open(options);
    std::mutex pause;
    std::condition_variable_any stopped;
    Clock::time_point before = Clock::now();
    while (!stop.stop_requested()) {
      const auto now = Clock::now();
      Look(connection, process, std::chrono::duration_cast<milliseconds>(now - before));
      before = now;
      std::unique_lock lock(pause);
      stopped.wait_for(lock, stop, Every(of_), [] { return false; });
    }
  } catch (const base::Error& error) {
    base::Debug("locks are not watched: {}", error.message());
    const std::scoped_lock lock(mutex_);
    may_wait_ = blind_ = true;
  }
}

std::string BlockersText(const base::Json& blockers) {
  std::string text;
  for (const base::Json& blocker : blockers) text += (text.empty() ? "" : "\n") + BlockerText(blocker);
  return text;
}

base::Json Endable(const base::Json& blockers, const std::string& but, milliseconds older_than) {
  base::Json endable = base::Json::array();
  for (const base::Json& blocker : blockers) {
    const base::Json& age = blocker.at("transaction_age_ms");
    if (blocker.at("backend") == "client backend" && blocker.at("waits") == false && age.is_number() &&
        age.get<std::int64_t>() >= older_than.count() && blocker.at("application") != but) {
      endable.push_back(blocker);
    }
  }
  return endable;
}

base::Json EndSessions(const ConnectOptions& options, const base::Json& blockers) {
  base::Json ended = base::Json::array();
  auto connection = Connection::Open(options);
  for (const base::Json& blocker : blockers) {
    const auto done =
        connection.Query(std::string(sql_text::kEndSession), {std::to_string(blocker.at("pid").get<std::int64_t>()),
                                                              blocker.at("backend_start").get<std::string>(),
                                                              blocker.at("transaction_start").get<std::string>()});
    if (done.rows() == 1 && done.Bool(0, 0)) ended.push_back(blocker);
  }
  return ended;
}

std::string Obstacle::Text() const {
  const std::string how_long = base::FormatDuration(age);
  if (kind == "prepared") {
    return fmt::format(
        "{} is locked by the prepared transaction {} (user {}, prepared {} ago); who knows its outcome ends it\n"
        "  COMMIT PREPARED {};\n  ROLLBACK PREPARED {};",
        table, id, what, how_long, Literal(id), Literal(id));
  }
  return fmt::format(
      "{} is under a vacuum against wraparound (pid {}, for {}), which gives way to nobody; wait until it is done, and "
      "do "
      "not end it: it would begin again. How far it is:\n"
      "  SELECT * FROM pg_stat_progress_vacuum WHERE pid = {};",
      table, id, how_long, id);
}

std::vector<Obstacle> Obstacles(Connection& connection, const std::vector<QualifiedName>& tables) {
  std::vector<std::string> names;
  for (const QualifiedName& table : tables) names.push_back(table.Sql());
  const auto rows = connection.Query(std::string(sql_text::kObstacles), {base::Json(names).dump()});
  std::vector<Obstacle> found;
  for (int i = 0; i < rows.rows(); ++i) {
    found.push_back({rows.Text(i, 0), rows.Text(i, 1), rows.Text(i, 2), rows.Text(i, 3),
                     milliseconds(rows.IsNull(i, 4) ? 0 : rows.Int(i, 4))});
  }
  return found;
}

void RetryForLocks(Connection& connection, const LockPatience& patience, const std::string& wanted,
                   const std::function<void(milliseconds lock_timeout)>& attempt) {
  const auto own = connection.options().lock_budget;
  const auto budget = own ? own : std::make_shared<LockBudget>();
  Waits waits;
  const auto give_up = [&](base::Code code, int attempts) {
    return base::Error(code,
                       fmt::format("{} could not be had in {} attempt{}", wanted, attempts, attempts == 1 ? "" : "s"))
        .Detail(waits.blockers.empty() ? "no blocker was seen" : BlockersText(waits.blockers));
  };
  for (int number = 1;; ++number) {
    if (!patience.waits_for_room && budget->Until(patience.lock_timeout, Clock::now()).count() > 0) {
      throw give_up(base::Code::kLockTimeout, number - 1);
    }
    const milliseconds room = AwaitRoom(
        *budget, patience.lock_timeout,
        [&](milliseconds wait) { base::Info("{}: {}", wanted, NoRoomText(*budget, wait, waits.blockers)); },
        [&] { base::StopIfAsked(connection.options().stop); });
    LockWatch watch(connection.options(), connection.BackendPid());
    try {
      attempt(std::min(patience.lock_timeout, room));
      budget->Spend(watch.Waited(), Clock::now());
      return;
    } catch (const base::Error& error) {
      budget->Spend(watch.Waited(), Clock::now());
      if (error.code() != base::Code::kLockTimeout && error.code() != base::Code::kDeadlock) throw;
      waits = watch.Finish();
      if (number > patience.retries) throw give_up(error.code(), number);
    }
    std::this_thread::sleep_for(RetryPause(number));
  }
}

void SetLockTimeout(Connection& connection, milliseconds timeout) {
  connection.Exec(fmt::format("SET LOCAL lock_timeout = {}", InRange(timeout).count()));
}

void LockTables(Connection& connection, const std::string& what, milliseconds altogether) {
  const auto limit = [&](milliseconds timeout) {
    connection.Exec(fmt::format("SET LOCAL statement_timeout = {}", timeout.count()));
  };
  limit(InRange(altogether));
  try {
    connection.Exec("LOCK TABLE " + what);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kDeadline) throw;
    throw base::Error(base::Code::kLockTimeout, error.message()).Detail(error.detail()).Sqlstate(error.sqlstate());
  }
  limit(connection.options().statement_timeout);
}

std::string NoRoomText(const LockBudget& budget, milliseconds wait, const base::Json& blockers) {
  const std::string who = BlockersText(blockers);
  return fmt::format(
      "its attempts have waited for locks, with applications behind them, as long as they may in {} ({}), so the next "
      "one is in {}{}{}",
      base::FormatDuration(budget.window()), base::FormatDuration(budget.allowed()), base::FormatDuration(wait),
      who.empty() ? "" : "; in the way:\n", who);
}

milliseconds RetryPause(int attempt) {
  static thread_local std::mt19937 random{std::random_device{}()};
  const int most = std::min(5'000, 100 << std::clamp(attempt, 0, 6));
  return milliseconds(std::uniform_int_distribution<int>(most / 2, most)(random));
}

}  // namespace pg
