#include "checkpoint/stream.h"

#include <fmt/core.h>

#include <thread>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/time.h"
#include "checkpoint/sql_text.h"
#include "pg/lock_watch.h"
#include "pg/quote.h"
#include "pg/transaction.h"

namespace checkpoint {
namespace {

std::string List(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

// What is the server's to decide and does not pass by itself; the rest ends the checkpoint.
bool IsRefusal(const base::Error& error) {
  return error.code() == base::Code::kPrivilege || error.code() == base::Code::kStatementFailed;
}

std::string Said(const base::Error& error) {
  return error.message() + (error.detail().empty() ? "" : ": " + error.detail());
}

// `but`: the slot that stays; empty: none does.
void DropSlots(pg::Connection& connection, const std::string& hex, const std::string& but) {
  try {
    connection.Query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
        "WHERE starts_with(slot_name, $1) AND slot_name <> $2 AND NOT active AND database = current_database()",
        {fmt::format("switchback_{}_", hex), but});
  } catch (const base::Error& error) {
    base::Warn("a slot of a former checkpoint is left on the server: {}", error.what());
  }
}

std::string WithKey(const std::string& hex) { return fmt::format("switchback_{}_k", hex); }
std::string WithoutKey(const std::string& hex) { return fmt::format("switchback_{}_n", hex); }

}  // namespace

Stream::Stream(pg::Connection& connection, const StreamRequest& request) : connection_(connection), request_(request) {
  const pg::Result server = connection_.Query(std::string(sql_text::kReadServer));
  if (const std::string level = server.Text(0, 3); level != "logical") {
    no_slot_ = fmt::format("wal_level is {}; set it to logical and restart the server", level);
    return;
  }
  if (!server.Bool(0, 5)) {
    no_slot_ = "the role has no REPLICATION attribute; ALTER ROLE ... REPLICATION";
    return;
  }
  try {
    Publish();
    if (publications_.empty()) {
      no_slot_ = "there is no table that could be published";
    } else if (LimitIsSet()) {
      MakeSlot();
    }
  } catch (const base::Error& error) {
    if (!IsRefusal(error)) throw;
    no_slot_ = Said(error);
  }
}

Stream::~Stream() {
  if (kept_) return;
  try {
    if (!slot_.empty()) connection_.Query("SELECT pg_drop_replication_slot($1)", {slot_});
  } catch (const std::exception& error) {
    base::Warn("the slot {} is left on the server: {}; drop it, it keeps WAL", slot_, error.what());
  }
  DropUnusedPublications();
}

// The slot of an earlier checkpoint goes on reading its publications by their names.
void Stream::DropUnusedPublications() {
  try {
    const pg::Result others = connection_.Query(
        "SELECT 1 FROM pg_replication_slots WHERE starts_with(slot_name, $1) AND database = current_database()",
        {fmt::format("switchback_{}_", request_.hex)});
    if (others.rows() > 0) return;
    for (const std::string& name : publications_) connection_.Exec("DROP PUBLICATION IF EXISTS " + pg::Ident(name));
  } catch (const std::exception& error) {
    base::Warn("publications are left in the database: {}", error.what());
  }
}

// All tables of the applications: a restore loses what was written to any of them.
void Stream::Publish() {
  const pg::Result rows = connection_.Query(std::string(sql_text::kReadPublishable));
  std::vector<std::string> keyed;
  std::vector<std::string> keyless;
  std::vector<std::string> named_keyless;
  std::vector<std::string> foreign;
  for (int row = 0; row < rows.rows(); ++row) {
    const pg::QualifiedName table{rows.Text(row, 0), rows.Text(row, 1)};
    if (!rows.Bool(row, 2)) {
      foreign.push_back(table.Text());
    } else if (rows.Bool(row, 3)) {
      keyed.push_back(table.Sql());
    } else {
      keyless.push_back(table.Sql());
      named_keyless.push_back(table.Text());
    }
  }
  if (!foreign.empty()) {
    off_.push_back(
        fmt::format("writes to {} cannot be brought back after a restore: the role does not own them", List(foreign)));
  }
  if (!keyless.empty()) {
    off_.push_back(fmt::format(
        "updates and deletes of {} cannot be brought back after a restore: they have no key; only inserts are kept",
        List(named_keyless)));
  }
  const std::string with_key = WithKey(request_.hex);
  const std::string without_key = WithoutKey(request_.hex);
  pg::RetryForLocks(connection_, request_.locks, "the locks of the publications",
                    [&](std::chrono::milliseconds lock_timeout) {
                      pg::Transaction transaction(connection_);
                      pg::SetLockTimeout(connection_, lock_timeout);
                      std::vector<std::string> made;
                      if (Publish(with_key, keyed, "insert, update, delete, truncate")) made.push_back(with_key);
                      if (Publish(without_key, keyless, "insert")) made.push_back(without_key);
                      transaction.Commit();
                      publications_ = made;
                    });
}

// False: there is nothing to publish.
bool Stream::Publish(const std::string& name, const std::vector<std::string>& tables, const std::string& operations) {
  connection_.Exec("DROP PUBLICATION IF EXISTS " + pg::Ident(name));
  if (tables.empty()) return false;
  connection_.Exec(fmt::format("CREATE PUBLICATION {} FOR TABLE {} WITH (publish = {})", pg::Ident(name), List(tables),
                               pg::Literal(operations)));
  return true;
}

// A slot without a limit fills the disk of the server when nobody reads it.
bool Stream::LimitIsSet() {
  const auto limit = [this] { return connection_.Query(std::string(sql_text::kReadServer)).Text(0, 4); };
  if (limit() != "-1" && !limit().empty()) return true;
  constexpr std::int64_t kMegabyte = 1 << 20;
  const std::int64_t megabytes = request_.slot_bytes_max / kMegabyte;
  try {
    connection_.Exec(fmt::format("ALTER SYSTEM SET max_slot_wal_keep_size = '{}MB'", megabytes));
    connection_.Exec("SELECT pg_reload_conf()");
    for (int attempt = 0; attempt < 100 && limit() == "-1"; ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (limit() != "-1") {
      base::Info("max_slot_wal_keep_size was unlimited; it is {} MB now", megabytes);
      return true;
    }
  } catch (const base::Error& error) {
    if (!IsRefusal(error)) throw;
  }
  no_slot_ = fmt::format(
      "max_slot_wal_keep_size is unlimited and this role may not set it; set it to {} MB and reload the server",
      megabytes);
  return false;
}

void Stream::MakeSlot() {
  base::Failpoint(base::FailpointId::kCheckpointPublished);
  const std::string name = fmt::format("switchback_{}_{}", request_.hex, request_.stamp);
  // It waits for others' transactions as for locks: its own deadline counts, not that of a lock.
  const pg::ConnectOptions before = connection_.options();
  connection_.SetLockTimeout(std::chrono::milliseconds(0));
  connection_.SetStatementTimeout(request_.slot_deadline);
  try {
    connection_.Query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", {name});
  } catch (const base::Error& error) {
    if (connection_.Broken()) throw;
    connection_.SetStatementTimeout(before.statement_timeout);
    connection_.SetLockTimeout(before.lock_timeout);
    if (error.code() != base::Code::kDeadline) throw;
    const pg::Result writers = connection_.Query(std::string(sql_text::kReadWriters));
    throw base::Error(base::Code::kSlotDeadline, fmt::format("the logical slot was not made within {}",
                                                             base::FormatDuration(request_.slot_deadline)))
        .Detail("it waits for transactions that have written and are still open: " + writers.Text(0, 0));
  }
  connection_.SetStatementTimeout(before.statement_timeout);
  connection_.SetLockTimeout(before.lock_timeout);
  slot_ = name;
  restart_ = backup::Lsn::Parse(
      connection_.Query("SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = $1", {name}).Text(0, 0));
}

void Stream::Keep() {
  kept_ = true;
  DropSlots(connection_, request_.hex, slot_);
}

void DropStream(pg::Connection& connection, const std::string& hex) {
  base::Failpoint(base::FailpointId::kPurgeBeforeSlot);
  DropSlots(connection, hex, "");
  base::Failpoint(base::FailpointId::kPurgeBeforePublications);
  try {
    connection.Exec(
        fmt::format("DROP PUBLICATION IF EXISTS {}, {}", pg::Ident(WithKey(hex)), pg::Ident(WithoutKey(hex))));
  } catch (const base::Error& error) {
    base::Warn("the publications of the release are left in the database: {}", error.what());
  }
}

}  // namespace checkpoint
