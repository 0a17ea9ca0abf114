#include "pg/transaction.h"

#include <fmt/core.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/sleep.h"

namespace pg {
namespace {

using base::Code;

constexpr std::chrono::milliseconds kAskEvery{250};

enum class Fate { kCommitted, kAborted, kUnknown };

// One question over a new connection; kUnknown where nobody can tell (yet): no server, a standby, a transaction that is
// still being committed, or a server that never saw it.
Fate AskOnce(const ConnectOptions& options, const std::string& transaction_id, const std::string& witness) {
  try {
    ConnectOptions brief = options;
    brief.statement_timeout = std::chrono::seconds(5);
    auto connection = Connection::Open(brief);
    if (connection.Exec("SELECT pg_is_in_recovery()").Bool(0, 0)) return Fate::kUnknown;
    const auto status = connection.Query("SELECT pg_xact_status($1::xid8)", {transaction_id}).Text(0, 0);
    if (status == "committed") {
      return witness.empty() || connection.Exec(witness).Bool(0, 0) ? Fate::kCommitted : Fate::kAborted;
    }
    if (status == "aborted") return Fate::kAborted;
  } catch (const base::Error& error) {
    base::Debug("the fate of transaction {} is not known yet: {}", transaction_id, error.message());
  }
  return Fate::kUnknown;
}

// While a COMMIT is not answered: where the server waits for a standby, says so, because nothing else would, and all
// that the transaction has locked waits with it.
class CommitWatch {
 public:
  CommitWatch(const ConnectOptions& options, int backend_pid)
      : thread_([options, backend_pid](const std::stop_token& stop) {
          for (auto patience = kSilence; base::SleepUnlessStopped(stop, patience); patience = kRepeat)
            Look(options, backend_pid);
        }) {}

 private:
  static constexpr std::chrono::seconds kSilence{3};
  static constexpr std::chrono::seconds kRepeat{30};

  static void Look(const ConnectOptions& options, int backend_pid) {
    try {
      ConnectOptions brief = options;
      brief.statement_timeout = std::chrono::seconds(5);
      auto connection = Connection::Open(brief);
      const auto found = connection.Query(
          "SELECT pg_catalog.current_setting('synchronous_standby_names') FROM pg_catalog.pg_stat_activity "
          "WHERE pid = $1::int4 AND wait_event = 'SyncRep'",
          {std::to_string(backend_pid)});
      if (found.rows() == 0) return;
      base::Warn(
          "COMMIT waits for a standby, and what it has locked waits with it: synchronous_standby_names is '{}'. Bring "
          "the standby back, or change the setting and reload it; SELECT pg_cancel_backend({}) lets this transaction "
          "alone be done without a standby",
          found.Text(0, 0), backend_pid);
    } catch (const base::Error& error) {
      base::Debug("what COMMIT waits for is not known: {}", error.message());
    }
  }

  std::jthread thread_;
};

Fate Ask(const ConnectOptions& options, const std::string& transaction_id, const std::string& witness) {
  const auto until = std::chrono::steady_clock::now() + 3 * options.connect_timeout;
  for (;;) {
    const Fate fate = AskOnce(options, transaction_id, witness);
    if (fate != Fate::kUnknown || std::chrono::steady_clock::now() > until) return fate;
    std::this_thread::sleep_for(kAskEvery);
  }
}

}  // namespace

Transaction::Transaction(Connection& connection, Isolation isolation, bool read_only) : connection_(connection) {
  if (connection_.InTransaction()) throw base::Error(Code::kInternal, "a transaction began inside another one");
  std::string begin = fmt::format("BEGIN ISOLATION LEVEL {} {}",
                                  isolation == Isolation::kRepeatableRead ? "REPEATABLE READ" : "READ COMMITTED",
                                  read_only ? "READ ONLY" : "READ WRITE");
  if (!read_only) {
    begin += fmt::format("; SET LOCAL idle_in_transaction_session_timeout = {}",
                         connection_.options().idle_in_transaction.count());
  }
  connection_.Exec(begin);
}

Transaction::~Transaction() {
  if (done_ || connection_.Broken()) return;
  try {
    connection_.Exec("ROLLBACK");
  } catch (const base::Error& error) {
    base::Debug("rollback: {}", error.message());
  }
}

void Transaction::Commit(const std::string& witness) {
  // A round trip of its own: together with COMMIT its answer would be lost with the answer to COMMIT.
  const auto transaction_id = connection_.Exec("SELECT pg_catalog.pg_current_xact_id_if_assigned()").Optional(0, 0);
  try {
    const CommitWatch watch(connection_.options(), connection_.BackendPid());
    connection_.Exec("COMMIT");
    done_ = true;
    return;
  } catch (base::Error& error) {
    done_ = true;
    if (!connection_.Broken() || !transaction_id) {
      error.TargetChanged(base::Changed::kNo);
      throw;
    }
    base::Warn("the connection broke during COMMIT; asking the server what became of transaction {}", *transaction_id);
  }
  const Fate fate = Ask(connection_.options(), *transaction_id, witness);
  if (fate == Fate::kCommitted) return;
  if (fate == Fate::kAborted) {
    throw base::Error(Code::kConnectionLost,
                      "the connection to the server broke during COMMIT, and the transaction was rolled back")
        .Detail(fmt::format("transaction {}", *transaction_id))
        .TargetChanged(base::Changed::kNo);
  }
  throw base::Error(Code::kCommitInDoubt,
                    "the connection to the server broke during COMMIT, and its outcome is not known")
      .Detail(fmt::format("transaction {} on {}", *transaction_id, Redacted(connection_.options().conninfo)))
      .TargetChanged(base::Changed::kUnknown);
}

}  // namespace pg
