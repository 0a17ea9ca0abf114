#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"

namespace pg {

class LockBudget;

// Where a database is and how to talk to it. `conninfo` is a URI or key=value string, may be empty (PG* variables,
// service file, .pgpass then decide). It may hold a password (from the environment): it is never printed; see Redacted.
struct ConnectOptions {
  std::string conninfo;
  std::string application_name = "switchback";
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds statement_timeout{0};  // server side; 0 = none. The client gives up 5 s after it.
  std::chrono::milliseconds lock_timeout{0};       // server side; 0 = none
  // Server side, of transactions that write: a process that is frozen (stopped, on a machine asleep) keeps its locks no
  // longer than this. See Transaction.
  std::chrono::milliseconds idle_in_transaction{5'000};
  // Of the process: what attempts to get locks may wait; see RetryForLocks. None: each has one of its own.
  std::shared_ptr<LockBudget> lock_budget = nullptr;
  // Roles whose code a person accepted to run with the rights of this session; see catalog/trust.h. Here, because it
  // goes wherever one connects.
  std::vector<std::string> trusts = {};
  // Who works over the connection polls it; here for the same reason.
  base::Stop stop = nullptr;
};

// The connection string without its password, for messages: "postgresql://app@db:5432/shop".
std::string Redacted(const std::string& conninfo);
// What it names, as libpq would understand it: the database, and "db1:5432", or the socket's directory for the host.
// Empty where the string is not understood.
struct Address {
  std::string database = {};
  std::string host = {};
};
Address AddressOf(const std::string& conninfo);
// True where the string itself carries a password. Throws kBadConnectionString.
bool HasPassword(const std::string& conninfo);
// The same server and options, another database. Throws kBadConnectionString.
std::string WithDatabase(const std::string& conninfo, const std::string& database);
// For children (pg_basebackup ...): the connection string without its password and with the pins of a startup packet,
// and the environment that carries the password. The password of a client certificate's key (sslpassword) has no such
// way and is left out.
struct ChildConnection {
  std::string conninfo;
  std::vector<std::pair<std::string, std::string>> env;
};
ChildConnection ForChild(const std::string& conninfo);

// The rows of one statement, as text. Copies share the rows.
class Result {
 public:
  [[nodiscard]] int rows() const;
  [[nodiscard]] int columns() const;
  [[nodiscard]] std::string ColumnName(int column) const;
  // The type modifier, as format_type takes it: -1 for a type without one.
  [[nodiscard]] int TypeModifier(int column) const;
  // Rows changed by INSERT, UPDATE, DELETE ...; 0 where the statement has no such count.
  [[nodiscard]] std::int64_t affected() const;
  [[nodiscard]] bool IsNull(int row, int column) const;
  // NULL reads as "".
  [[nodiscard]] std::string Text(int row, int column) const;
  [[nodiscard]] std::optional<std::string> Optional(int row, int column) const;
  // Throw kInternal where the text is not of that kind.
  [[nodiscard]] std::int64_t Int(int row, int column) const;
  [[nodiscard]] double Double(int row, int column) const;
  [[nodiscard]] bool Bool(int row, int column) const;

 private:
  friend class Connection;
  std::shared_ptr<void> result_;
};

using Param = std::optional<std::string>;  // nullopt = NULL
using Params = std::vector<Param>;

// One session. Movable, not copyable; one thread at a time, except Cancel().
// Every failure is a base::Error with the server's SQLSTATE, message, detail and hint: kUnreachable, kAuthentication,
// kNoDatabase, kUnknownDatabase, kBadConnectionString, kPooler, kPrivilege, kLockTimeout, kDeadline, kDeadlock,
// kConnectionLost, kStatementFailed; kInterrupted where Cancel() ended a statement.
class Connection {
 public:
  // Connects, refuses a pooler with the remedy (kPooler; one that pools sessions cannot be told apart from one that
  // pools transactions), and pins what changes the meaning of statements and values, whatever role, database and server
  // set (session.h); search_path is pg_catalog, pg_temp, and statements of users run with their own, set by the caller.
  // A session that waits longer than a minute inside a transaction sets its own idle_in_transaction_session_timeout. A
  // lost peer is noticed by TCP within 30 s, unless the connection string says otherwise. Throws kForeignSetting, too.
  static Connection Open(const ConnectOptions& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // One statement or several separated by ';' in the simple protocol; the last one's result. COMMIT goes through
  // Transaction: here a connection that breaks inside a transaction is reported as "nothing changed".
  Result Exec(const std::string& sql);
  // One statement with parameters $1, $2 ... in the extended protocol.
  Result Query(const std::string& sql, const Params& params = {});
  // Prepares and throws it away: what a test does with each embedded .sql file.
  void CheckPrepares(const std::string& sql);

  void SetStatementTimeout(std::chrono::milliseconds timeout);
  void SetLockTimeout(std::chrono::milliseconds timeout);
  // Called for each NOTICE and WARNING: severity, message. Default: debug log.
  void OnNotice(std::function<void(std::string_view severity, std::string_view message)> handler);

  [[nodiscard]] int ServerVersion() const;  // 150020
  [[nodiscard]] int BackendPid() const;
  [[nodiscard]] bool InTransaction() const;
  [[nodiscard]] bool Broken() const;
  [[nodiscard]] const ConnectOptions& options() const;
  // Asks the server to cancel what runs; safe from another thread.
  void Cancel();

 private:
  friend class Transaction;
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace pg
