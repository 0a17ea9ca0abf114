#include "proof/question.h"

#include <fmt/core.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/stop.h"
#include "pg/transaction.h"

namespace proof {
namespace {

// What the server may refuse without the session being at stake.
bool IsAnswer(base::Code code) {
  switch (code) {
    case base::Code::kStatementFailed:
    case base::Code::kPrivilege:
    case base::Code::kDeadline:
    case base::Code::kLockTimeout:
    case base::Code::kDeadlock:
      return true;
    default:
      return false;
  }
}

Answer AskOne(pg::Connection& connection, const std::string& question) {
  const pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, /*read_only=*/true);
  connection.Exec("SET LOCAL search_path TO DEFAULT");
  const pg::Result rows = connection.Query(question);
  if (rows.rows() == 1 && rows.columns() == 1) return {.value = rows.Optional(0, 0), .error = ""};
  return {
      .value = std::nullopt,
      .error = fmt::format("it gives {} rows of {} columns, and ought to give one value", rows.rows(), rows.columns())};
}

class TimeoutFor {
 public:
  TimeoutFor(pg::Connection& connection, std::chrono::milliseconds timeout) : connection_(connection) {
    connection_.SetStatementTimeout(timeout);
  }
  TimeoutFor(const TimeoutFor&) = delete;
  TimeoutFor& operator=(const TimeoutFor&) = delete;
  ~TimeoutFor() {
    try {
      if (!connection_.Broken()) connection_.SetStatementTimeout(connection_.options().statement_timeout);
    } catch (const base::Error&) {  // the next statement of the caller meets the same broken session
    }
  }

 private:
  pg::Connection& connection_;
};

// A question may take as long as it is let.
class CancelOnInterrupt {
 public:
  explicit CancelOnInterrupt(pg::Connection& connection)
      : thread_([this, &connection](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!wakes_.wait_for(lock, stop, kPoll, [&] { return base::Asked(connection.options().stop); })) {
            if (stop.stop_requested()) return;
          }
          if (!stop.stop_requested()) connection.Cancel();
        }) {}

 private:
  static constexpr std::chrono::milliseconds kPoll{50};
  std::mutex mutex_;
  std::condition_variable_any wakes_;
  std::jthread thread_;  // the last one made, the first one ended
};

}  // namespace

std::vector<Answer> Ask(pg::Connection& connection, const std::vector<std::string>& questions,
                        std::chrono::milliseconds timeout) {
  const TimeoutFor limit(connection, timeout);
  const CancelOnInterrupt cancel(connection);
  std::vector<Answer> answers;
  for (const std::string& question : questions) {
    base::StopIfAsked(connection.options().stop);
    try {
      answers.push_back(AskOne(connection, question));
    } catch (const base::Error& error) {
      if (!IsAnswer(error.code()) || connection.Broken()) throw;
      answers.push_back({.value = std::nullopt,
                         .error = error.detail().empty() ? error.message() : error.message() + ": " + error.detail()});
    }
  }
  return answers;
}

}  // namespace proof
