#include "salvage/fence.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "base/failpoint.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/quote.h"
#include "pg/transaction.h"
#include "salvage/sql_text.h"

namespace salvage {
namespace {

using std::chrono::milliseconds;

// Shorter than what a budget of waits counts.
constexpr milliseconds kMoment{20};

struct Fenceable {
  pg::QualifiedName name;
  bool owned = false;
  bool has_trigger = false;
  bool fenced = false;

  [[nodiscard]] bool Wanting() const { return owned && !fenced; }
};

std::vector<Fenceable> ReadFence(pg::Connection& server) {
  std::vector<Fenceable> tables;
  const pg::Result rows = server.Query(std::string(sql_text::kReadFence));
  for (int row = 0; row < rows.rows(); ++row) {
    const bool has_trigger = !rows.IsNull(row, 3);
    tables.push_back({.name = {rows.Text(row, 0), rows.Text(row, 1)},
                      .owned = rows.Bool(row, 2),
                      .has_trigger = has_trigger,
                      .fenced = has_trigger && rows.Bool(row, 3)});
  }
  return tables;
}

// Its workers fire triggers for each row alone.
void RefuseSubscriptions(pg::Connection& server) {
  const pg::Result rows = server.Query(
      "SELECT pg_catalog.quote_ident(subname) FROM pg_catalog.pg_subscription WHERE subenabled AND subdbid = "
      "(SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 1");
  if (rows.rows() == 0) return;
  throw base::Error(base::Code::kStepRefused, "a subscription writes to the old server, and no fence would stop it")
      .Detail(fmt::format("ALTER SUBSCRIPTION {} DISABLE;", rows.Text(0, 0)));
}

// It waits for a person. Attempts at its locks would fail one after another, with the other tables fenced meanwhile.
void RefusePrepared(pg::Connection& server, const Patience& patience) {
  std::vector<pg::QualifiedName> tables;
  for (const Fenceable& table : ReadFence(server)) {
    if (table.Wanting()) tables.push_back(table.name);
  }
  for (const pg::Obstacle& obstacle : pg::Obstacles(server, tables)) {
    if (obstacle.kind != "prepared" || obstacle.age <= patience.lock_timeout) continue;
    throw base::Error(base::Code::kLockTimeout, "a prepared transaction stands in the way of the fence")
        .Detail(obstacle.Text());
  }
}

bool IsTransient(const base::Error& error) {
  return error.code() == base::Code::kLockTimeout || error.code() == base::Code::kDeadlock;
}

// What is done to the tables that nobody has locked is one statement, however many they are.
void AllAtOnce(pg::Connection& server, std::string_view statement) {
  base::Failpoint(base::FailpointId::kFenceBeforeTable);
  server.Exec(std::string(statement));
}

// Does a statement about one table that others have locked in a transaction of its own, which never holds the lock of
// one table while it waits for another's: applications take theirs in any order.
class Turns {
 public:
  Turns(pg::Connection& server, const Patience& patience) : server_(server), patience_(patience) {}

  void Take(const pg::QualifiedName& table, const std::string& statements) {
    if (AtOnce(statements)) return;
    pg::RetryForLocks(server_, patience_, fmt::format("the lock of {} for the fence", table.Text()),
                      [&](milliseconds lock_timeout) { AttemptAlone(statements, lock_timeout); });
  }

  [[nodiscard]] const base::Json& ended() const { return ended_; }

 private:
  // Most tables are free, and a watch takes a connection of its own: so first a moment that counts for nothing.
  bool AtOnce(const std::string& statements) {
    try {
      Attempt(statements, std::min(patience_.lock_timeout, kMoment));
      return true;
    } catch (const base::Error& error) {
      if (!IsTransient(error)) throw;
      return false;
    }
  }

  void Attempt(const std::string& statements, milliseconds lock_timeout) {
    pg::Transaction transaction(server_);
    pg::SetLockTimeout(server_, lock_timeout);
    server_.Exec(statements);
    base::Failpoint(base::FailpointId::kFenceBeforeTable);
    transaction.Commit();
  }

  void AttemptAlone(const std::string& statements, milliseconds lock_timeout) {
    if (!patience_.end_after) return Attempt(statements, lock_timeout);
    pg::LockWatch watch(server_.options(), server_.BackendPid());
    try {
      Attempt(statements, lock_timeout);
    } catch (const base::Error& error) {
      if (!IsTransient(error)) throw;
      const base::Json in_the_way =
          pg::Endable(watch.Finish().blockers, server_.options().application_name, *patience_.end_after);
      for (const base::Json& session : pg::EndSessions(server_.options(), in_the_way)) ended_.push_back(session);
      throw;
    }
  }

  pg::Connection& server_;
  const Patience& patience_;
  base::Json ended_ = base::Json::array();
};

bool Wanting(const std::vector<Fenceable>& tables) {
  return std::any_of(tables.begin(), tables.end(), [](const Fenceable& table) { return table.Wanting(); });
}

// Again where a table was made meanwhile.
std::vector<Fenceable> MakeTriggers(pg::Connection& server, Turns& turns) {
  for (;;) {
    AllAtOnce(server, sql_text::kFenceFree);
    std::vector<Fenceable> tables = ReadFence(server);
    if (!Wanting(tables)) return tables;
    for (const Fenceable& table : tables) {
      if (!table.Wanting()) continue;
      turns.Take(table.name, fmt::format("CREATE OR REPLACE TRIGGER switchback_fence BEFORE INSERT OR UPDATE OR DELETE "
                                         "OR TRUNCATE ON {0} FOR EACH STATEMENT EXECUTE FUNCTION switchback.fence();"
                                         "ALTER TABLE ONLY {0} ENABLE ALWAYS TRIGGER switchback_fence",
                                         table.name.Sql()));
    }
  }
}

}  // namespace

Fence RaiseFence(pg::Connection& old_server, const Patience& patience) {
  old_server.SetLockTimeout(patience.lock_timeout);
  RefuseSubscriptions(old_server);
  RefusePrepared(old_server, patience);
  journal::InstallSchema(old_server);
  old_server.Exec(std::string(sql_text::kFence));
  // Half a fence for a minute is worse for applications than none.
  Patience brisk = patience;
  brisk.waits_for_room = false;
  Turns turns(old_server, brisk);
  Fence fence;
  std::vector<Fenceable> tables;
  try {
    tables = MakeTriggers(old_server, turns);
  } catch (base::Error& error) {
    try {
      LiftFence(old_server, patience);
    } catch (const base::Error& other) {
      error.Context(fmt::format("and some tables stay read-only until the fence is lifted: {}", other.message()));
    }
    throw;
  }
  fence.lsn = pg::Lsn::Parse(old_server.Query("SELECT pg_catalog.pg_current_wal_insert_lsn()").Text(0, 0));
  fence.ended = turns.ended();
  for (const Fenceable& table : tables) {
    if (table.fenced) {
      ++fence.tables;
    } else {
      fence.open.push_back(table.name.Text());
    }
  }
  return fence;
}

FenceNow LookAtFence(pg::Connection& server) {
  FenceNow now;
  for (const Fenceable& table : ReadFence(server)) {
    if (table.fenced) {
      ++now.tables;
    } else {
      now.open.push_back(table.name.Text());
    }
  }
  if (now.tables == 0) now.open.clear();
  return now;
}

std::int64_t LiftFence(pg::Connection& old_server, const Patience& patience) {
  old_server.SetLockTimeout(patience.lock_timeout);
  const auto fenced = [&] {
    std::vector<Fenceable> tables = ReadFence(old_server);
    std::erase_if(tables, [](const Fenceable& table) { return !table.has_trigger; });
    return tables;
  };
  const auto tables = static_cast<std::int64_t>(fenced().size());
  AllAtOnce(old_server, sql_text::kOpenFree);
  Turns turns(old_server, patience);
  for (const Fenceable& table : fenced()) {
    turns.Take(table.name, "DROP TRIGGER switchback_fence ON " + table.name.Sql());
  }
  old_server.Exec("DROP FUNCTION IF EXISTS switchback.fence()");
  return tables;
}

base::Json ToJson(const Fence& fence) {
  return {{"lsn", fence.lsn.Text()}, {"tables", fence.tables}, {"open", fence.open}, {"ended", fence.ended}};
}

}  // namespace salvage
