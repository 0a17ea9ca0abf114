#pragma once

#include <string>

#include "pg/connection.h"

namespace pg {

// BEGIN in the constructor; ROLLBACK in the destructor unless Commit() was called. One that may write is ended by the
// server, with its session, once it has been idle for longer than the options' idle_in_transaction: a process that was
// frozen finds kConnectionLost when it wakes, and nothing changed. So every lock beyond ROW EXCLUSIVE on a table of
// applications is taken in a Transaction, but for what is in no transaction at all.
//
// Commit() that loses its connection remembers the transaction id, connects anew and asks pg_xact_status, for up to
// three times the connect_timeout: committed returns (the connection stays broken, for its session is gone), aborted
// throws kConnectionLost (nothing changed), anything else throws kCommitInDoubt. It is never sent twice. After a crash
// a server may give the id to another transaction: a `witness`, a query that is true only where this transaction
// committed, is asked as well. It is found by schema-qualified names alone. A crash of
// this process inside Commit() leaves the transaction either committed or rolled back; who resumes asks the database.
// Where it waits for a standby for long, it says so.
class Transaction {
 public:
  enum class Isolation { kReadCommitted, kRepeatableRead };
  explicit Transaction(Connection& connection, Isolation isolation = Isolation::kReadCommitted, bool read_only = false);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void Commit(const std::string& witness = "");

 private:
  Connection& connection_;
  bool done_ = false;
};

}  // namespace pg
