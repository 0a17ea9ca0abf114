// Statements in no transaction: CREATE and DROP INDEX CONCURRENTLY. They wait for the transactions of others, so this
// waits beside them, says for whom, and can stop them.
#include <fmt/core.h>

#include <future>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "run/attempts.h"
#include "run/runner.h"

namespace run {

using base::Code;
using journal::Direction;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kLookEvery{200};
constexpr milliseconds kTellEvery = std::chrono::seconds(10);
// What a failed build left blocks nobody, so whoever keeps it from being dropped is waited for briefly only.
constexpr milliseconds kCleanUpWait = std::chrono::seconds(5);

std::string SayWait(const pg::WaitsNow& now) {
  if (now.waited.count() == 0) return now.index;
  const std::string who = pg::BlockersText(now.blockers);
  return fmt::format("{}{}waits for {}", now.index, now.index.empty() ? "" : "; ",
                     who.empty() ? "other transactions" : "\n" + who);
}

// For the session, because there is no transaction.
class SessionPath {
 public:
  SessionPath(pg::Connection& connection, const std::string& path) : connection_(connection) { Set(path); }
  ~SessionPath() {
    try {
      if (!connection_.Broken()) Set("");
    } catch (const base::Error& error) {
      base::Debug("search_path: {}", error.message());
    }
  }
  SessionPath(const SessionPath&) = delete;
  SessionPath& operator=(const SessionPath&) = delete;

 private:
  void Set(const std::string& path) {
    connection_.Query("SELECT pg_catalog.set_config('search_path', $1, false)",
                      {path.empty() ? "pg_catalog, pg_temp" : path});
  }
  pg::Connection& connection_;
};

// Without what changes all the time, so that the same wait is told once in a while and not at each look.
std::string KindOfWait(const pg::WaitsNow& now) {
  std::string kind = now.index.substr(0, now.index.find(','));
  for (const base::Json& blocker : now.blockers) kind += " " + blocker.at("pid").dump() + blocker.at("gid").dump();
  return kind;
}

}  // namespace

void Runner::Outside(const plan::Step& step, Direction direction, std::int64_t intent, pg::LockWatch& watch) {
  const std::size_t index = static_cast<std::size_t>(&step - session_.plan.steps.data());
  const auto& statements = direction == Direction::kForward ? step.forward : *step.reverse;
  const SessionPath path(connection_, step.search_path);
  for (const plan::Statement& statement : statements) {
    auto running = std::async(std::launch::async, [&] { connection_.Exec(statement.sql); });
    try {
      std::string told;
      Clock::time_point told_at = Clock::now();
      while (running.wait_for(kLookEvery) != std::future_status::ready) {
        if (base::Asked(session_.stop)) connection_.Cancel();
        const pg::WaitsNow now = watch.Now();
        const std::string kind = KindOfWait(now);
        const bool waits = now.waited >= kLookEvery;
        if ((waits && kind != told) || (!kind.empty() && Clock::now() - told_at >= kTellEvery)) {
          Tell(Progress::What::kWaits, index, direction, SayWait(now));
          told = kind;
          told_at = Clock::now();
        }
        const auto& patience = session_.limits.terminate_blockers_after;
        if (patience && waits && now.waited >= *patience) EndBlockers(step, direction, intent, now.blockers);
      }
    } catch (...) {
      connection_.Cancel();
      throw;  // the future waits for the statement's end
    }
    running.get();
  }
}

void Runner::DropInvalid(const plan::Step& step) {
  if (step.index.empty()) return;
  const auto found = connection_.Query(
      "SELECT 1 FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass($1) AND NOT indisvalid",
      {step.index});
  if (found.rows() == 0) return;
  base::Failpoint(base::FailpointId::kStepBeforeDropInvalid);
  connection_.Exec("DROP INDEX CONCURRENTLY " + step.index);
}

// An INVALID index costs each write its upkeep, and a unique one refuses rows. Where it cannot be dropped now, the next
// run drops it, or the way back does.
void Runner::CleanUp(const plan::Step& step) {
  if (connection_.Broken() || step.index.empty()) return;
  try {
    connection_.SetLockTimeout(kCleanUpWait);
    DropInvalid(step);
    connection_.SetLockTimeout(session_.limits.lock_timeout);
    cleaned_ = true;
  } catch (const base::Error& error) {
    base::Warn("the index {} is left behind INVALID: {}", step.index, error.message());
  }
}

}  // namespace run
