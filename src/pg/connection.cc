#include "pg/connection.h"

#include <fmt/core.h>
#include <poll.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/redact.h"
#include "pg/connection_state.h"
#include "pg/failure.h"
#include "pg/session.h"

namespace pg {
namespace {

using base::Code;
using std::chrono::milliseconds;

constexpr milliseconds kGrace = std::chrono::seconds(5);

void ReceiveNotice(void* argument, const PGresult* result) {
  const auto* handler = static_cast<const std::function<void(std::string_view, std::string_view)>*>(argument);
  const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message != nullptr && *handler) (*handler)(severity == nullptr ? "NOTICE" : severity, message);
}

void LogNotice(std::string_view severity, std::string_view message) {
  // What a function says by RAISE may be anything.
  base::Debug("server: {}: {}", severity, base::RowValuesShown() ? message : "(its words are withheld)");
}

// A pooler hands out a process id and cancel key of its own making, for it cannot know which server session will serve.
void RefusePooler(Connection& connection, int announced_pid, const std::string& redacted) {
  const auto real_pid = connection.Exec("SELECT pg_catalog.pg_backend_pid()").Int(0, 0);
  if (real_pid == announced_pid) return;
  throw base::Error(Code::kPooler, fmt::format("a connection pooler stands between switchback and {}", redacted))
      .Detail(fmt::format(
          "the session was announced as process {}, but process {} answers. A pooler that gives each session "
          "its own server connection cannot be told apart from one that does so for each transaction only, "
          "so both are refused",
          announced_pid, real_pid));
}

// A statement that was sent: waits for its results and collects them.
class Exchange {
 public:
  Exchange(PGconn* connection, milliseconds timeout, std::function<void()> cancel)
      : connection_(connection), cancel_(std::move(cancel)), deadline_(Clock::now() + timeout + kGrace) {
    has_deadline_ = timeout.count() > 0;
  }

  // Reads to the end of the answer. False: nothing came in time, and the connection is of no more use.
  bool Collect() {
    for (;;) {
      if (!WaitForResult()) return false;
      RawResult result(PQgetResult(connection_));
      if (result == nullptr) return true;
      if (!Keep(std::move(result))) return true;
    }
  }

  RawResult last;
  RawResult failure;
  bool wants_rows = false;  // a COPY FROM STDIN
  bool gave_up = false;     // the client's deadline passed and it asked the server to cancel

 private:
  bool WaitForResult() {
    for (;;) {
      const int flush = PQflush(connection_);
      if (flush < 0 || PQisBusy(connection_) == 0) return true;
      const auto events = static_cast<short>(flush > 0 ? POLLIN | POLLOUT : POLLIN);
      if (!WaitForSocket(PQsocket(connection_), events, has_deadline_ ? &deadline_ : nullptr)) {
        if (gave_up) return false;
        gave_up = true;
        cancel_();
        deadline_ = Clock::now() + kGrace;
        continue;
      }
      if (PQconsumeInput(connection_) == 0) return true;
    }
  }

  // False: reading on would never end.
  bool Keep(RawResult result) {
    switch (PQresultStatus(result.get())) {
      case PGRES_FATAL_ERROR:
      case PGRES_BAD_RESPONSE:
        if (failure == nullptr) failure = std::move(result);
        return PQstatus(connection_) == CONNECTION_OK;
      case PGRES_COPY_IN:
        wants_rows = true;
        PQputCopyEnd(connection_, "rows for COPY cannot be given here");
        return true;
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH: {
        char* row = nullptr;
        while (PQgetCopyData(connection_, &row, 0) > 0) PQfreemem(row);
        return true;
      }
      default:
        last = std::move(result);
        return true;
    }
  }

  PGconn* connection_;
  std::function<void()> cancel_;
  Clock::time_point deadline_;
  bool has_deadline_ = false;
};

// Runs what `send` sends. `state` is a template parameter because Connection::State is private.
template <typename State>
RawResult Perform(State& state, const std::string& sql, const std::function<int(PGconn*)>& send) {
  PGconn* connection = state.connection.get();
  if (sql.find('\0') != std::string::npos)
    throw base::Error(Code::kStatementFailed, "a statement has a NUL byte in it");
  if (connection == nullptr || PQstatus(connection) != CONNECTION_OK) {
    throw base::Error(Code::kConnectionLost, "the connection to the server is broken").Statement(sql);
  }
  // Inside a transaction a lost connection means a rollback; outside, the statement may have been done.
  const bool in_transaction = PQtransactionStatus(connection) != PQTRANS_IDLE;
  const auto if_lost = in_transaction ? base::Changed::kNo : base::Changed::kUnknown;
  state.cancelled = false;

  Exchange exchange(connection, state.statement_timeout, [&] {
    std::array<char, 256> ignored{};
    PQcancel(state.cancel.get(), ignored.data(), ignored.size());
  });
  const bool answered = send(connection) == 0 || exchange.Collect();
  if (!answered) {
    state.connection.reset();
    throw base::Error(Code::kDeadline,
                      "the server did not answer within the statement's deadline, nor to its cancellation")
        .Detail(fmt::format("server: {}", state.redacted))
        .Statement(sql)
        .TargetChanged(if_lost);
  }
  if (exchange.failure == nullptr && PQstatus(connection) == CONNECTION_OK) return std::move(exchange.last);
  if (exchange.failure == nullptr) {
    throw base::Error(Code::kConnectionLost, "the connection to the server broke")
        .Detail(PQerrorMessage(connection))
        .Statement(sql)
        .TargetChanged(if_lost);
  }
  if (exchange.wants_rows && PQstatus(connection) == CONNECTION_OK) {
    throw base::Error(Code::kStatementFailed, "COPY FROM STDIN has no rows to read here").Statement(sql);
  }
  auto error = StatementError(exchange.failure.get(), sql);
  if (error.code() == Code::kDeadline && state.cancelled && !exchange.gave_up) {
    throw base::Error(Code::kInterrupted, "a statement was interrupted").Sqlstate(error.sqlstate()).Statement(sql);
  }
  // A session that the server ends says so in place of any answer, also of that to a COMMIT which was done.
  if (EndsSession(exchange.failure.get()) || PQstatus(connection) != CONNECTION_OK) {
    state.connection.reset();
    error.TargetChanged(if_lost);
  }
  throw error;
}

[[noreturn]] void BadValue(const std::string& text, const char* kind) {
  throw base::Error(Code::kInternal, fmt::format("the server's value '{}' is not {}", text, kind));
}

template <typename Number>
Number ParseNumber(const std::string& text, const char* kind) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) BadValue(text, kind);
  return value;
}

}  // namespace

int Result::rows() const { return PQntuples(static_cast<PGresult*>(result_.get())); }
int Result::columns() const { return PQnfields(static_cast<PGresult*>(result_.get())); }

std::string Result::ColumnName(int column) const {
  const char* name = PQfname(static_cast<PGresult*>(result_.get()), column);
  if (name == nullptr) throw base::Error(Code::kInternal, fmt::format("a result has no column {}", column));
  return name;
}

int Result::TypeModifier(int column) const { return PQfmod(static_cast<PGresult*>(result_.get()), column); }

std::int64_t Result::affected() const {
  const std::string text = PQcmdTuples(static_cast<PGresult*>(result_.get()));
  return text.empty() ? 0 : ParseNumber<std::int64_t>(text, "a count");
}

std::optional<std::string> Result::Optional(int row, int column) const {
  auto* result = static_cast<PGresult*>(result_.get());
  if (row < 0 || row >= rows() || column < 0 || column >= columns()) {
    throw base::Error(Code::kInternal, fmt::format("a result has no row {}, column {}", row, column));
  }
  if (PQgetisnull(result, row, column) != 0) return std::nullopt;
  return std::string(PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column)));
}

bool Result::IsNull(int row, int column) const { return !Optional(row, column).has_value(); }
std::string Result::Text(int row, int column) const { return Optional(row, column).value_or(""); }
std::int64_t Result::Int(int row, int column) const {
  return ParseNumber<std::int64_t>(Text(row, column), "an integer");
}
double Result::Double(int row, int column) const { return ParseNumber<double>(Text(row, column), "a number"); }

bool Result::Bool(int row, int column) const {
  const std::string text = Text(row, column);
  if (text != "t" && text != "f") BadValue(text, "a boolean");
  return text == "t";
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::Open(const ConnectOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->redacted = Redacted(options.conninfo);
  state->on_notice = LogNotice;
  state->connection = Connect(options, state->redacted);
  state->cancel.reset(PQgetCancel(state->connection.get()));
  PQsetnonblocking(state->connection.get(), 1);
  PQsetNoticeReceiver(state->connection.get(), ReceiveNotice, &state->on_notice);
  const int announced_pid = PQbackendPID(state->connection.get());

  // Nothing is SET before the pooler's turn: it would stay behind in a server session of the applications. What stands
  // in the startup packet does not.
  state->statement_timeout = options.connect_timeout;
  Connection connection(std::move(state));
  RefusePooler(connection, announced_pid, connection.state_->redacted);
  PinSession(connection);
  connection.state_->statement_timeout = milliseconds(0);
  if (options.statement_timeout.count() > 0) connection.SetStatementTimeout(options.statement_timeout);
  if (options.lock_timeout.count() > 0) connection.SetLockTimeout(options.lock_timeout);
  return connection;
}

Result Connection::Exec(const std::string& sql) {
  Result result;
  result.result_ = std::shared_ptr<PGresult>(
      Perform(*state_, sql, [&](PGconn* connection) { return PQsendQuery(connection, sql.c_str()); }));
  return result;
}

Result Connection::Query(const std::string& sql, const Params& params) {
  std::vector<const char*> values;
  for (const auto& param : params) {
    if (param && param->find('\0') != std::string::npos) {
      throw base::Error(Code::kStatementFailed, "a parameter of a statement has a NUL byte in it").Statement(sql);
    }
    values.push_back(param ? param->c_str() : nullptr);
  }
  Result result;
  result.result_ = std::shared_ptr<PGresult>(Perform(*state_, sql, [&](PGconn* connection) {
    return PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                             nullptr, 0);
  }));
  return result;
}

void Connection::CheckPrepares(const std::string& sql) {
  Perform(*state_, sql, [&](PGconn* connection) { return PQsendPrepare(connection, "", sql.c_str(), 0, nullptr); });
}

void Connection::SetStatementTimeout(milliseconds timeout) {
  Exec(fmt::format("SET statement_timeout = {}", timeout.count()));
  state_->statement_timeout = timeout;
}

void Connection::SetLockTimeout(milliseconds timeout) { Exec(fmt::format("SET lock_timeout = {}", timeout.count())); }

void Connection::OnNotice(std::function<void(std::string_view, std::string_view)> handler) {
  state_->on_notice = std::move(handler);
}

int Connection::ServerVersion() const { return PQserverVersion(state_->connection.get()); }
int Connection::BackendPid() const { return PQbackendPID(state_->connection.get()); }

bool Connection::InTransaction() const {
  const auto status = PQtransactionStatus(state_->connection.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

bool Connection::Broken() const { return PQstatus(state_->connection.get()) != CONNECTION_OK; }
const ConnectOptions& Connection::options() const { return state_->options; }

void Connection::Cancel() {
  state_->cancelled = true;
  std::array<char, 256> message{};
  if (PQcancel(state_->cancel.get(), message.data(), message.size()) == 0) base::Debug("cancel: {}", message.data());
}

}  // namespace pg
