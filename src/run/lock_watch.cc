#include "run/lock_watch.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "run/sql_text.h"

namespace run {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kEvery = std::chrono::milliseconds(20);
// pg_blocking_pids locks the server's whole lock table for a moment.
constexpr auto kBlockersEvery = std::chrono::milliseconds(200);

base::Json Blockers(pg::Connection& connection, const std::string& pid) {
  const auto rows = connection.Query(std::string(sql_text::kBlockers), {pid});
  base::Json list = base::Json::array();
  for (int i = 0; i < rows.rows(); ++i) {
    list.push_back({{"pid", rows.Int(i, 0)},
                    {"application", rows.Text(i, 1)},
                    {"user", rows.Text(i, 2)},
                    {"transaction_age_ms", rows.IsNull(i, 3) ? base::Json() : base::Json(rows.Int(i, 3))},
                    {"state", rows.Text(i, 4)},
                    {"query", rows.Text(i, 5)}});
  }
  return list;
}

}  // namespace

LockWatch::LockWatch(const pg::ConnectOptions& options, int pid)
    : thread_([this, options, pid](const std::stop_token& stop) { Watch(stop, options, pid); }) {}

Waits LockWatch::Finish() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return waits_;
}

void LockWatch::Watch(const std::stop_token& stop, pg::ConnectOptions options, int pid) {
  const std::string process = std::to_string(pid);
  try {
    options.statement_timeout = std::chrono::seconds(5);
    auto connection = pg::Connection::Open(options);
    Clock::time_point before = Clock::now();
    Clock::time_point looked{};
    while (!stop.stop_requested()) {
      const auto waiting = connection.Query(std::string(sql_text::kWaitingLocks), {process});
      const auto now = Clock::now();
      for (int i = 0; i < waiting.rows(); ++i) {
        waits_.by_relation[waiting.Text(i, 0)] += std::chrono::duration_cast<std::chrono::milliseconds>(now - before);
      }
      if (waiting.rows() > 0 && now - looked > kBlockersEvery) {
        base::Json blockers = Blockers(connection, process);
        if (!blockers.empty()) waits_.blockers = std::move(blockers);
        looked = now;
      }
      before = now;
      std::this_thread::sleep_for(kEvery);
    }
  } catch (const base::Error& error) {
    base::Debug("locks are not watched: {}", error.message());
  }
}

std::string BlockersText(const base::Json& blockers) {
  std::string text;
  for (const base::Json& blocker : blockers) {
    const auto pid = blocker.at("pid").get<std::int64_t>();
    if (!text.empty()) text += '\n';
    if (pid == 0) {
      text += "a prepared transaction; see pg_prepared_xacts";
      continue;
    }
    const base::Json& age = blocker.at("transaction_age_ms");
    text += fmt::format("pid {} ({}, user {}, {}{}): {}\n  SELECT pg_terminate_backend({});", pid,
                        blocker.at("application").get<std::string>(), blocker.at("user").get<std::string>(),
                        blocker.at("state").get<std::string>(),
                        age.is_null() ? ""
                                      : ", in its transaction for " +
                                            base::FormatDuration(std::chrono::milliseconds(age.get<std::int64_t>())),
                        blocker.at("query").get<std::string>(), pid);
  }
  return text;
}

}  // namespace run
