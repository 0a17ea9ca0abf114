#include "salvage/salvage.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/long_work.h"
#include "base/stop.h"
#include "journal/mirror.h"
#include "pg/quote.h"
#include "pg/transaction.h"
#include "salvage/conflicts_file.h"
#include "salvage/finish.h"
#include "salvage/orphans.h"
#include "salvage/quiet.h"
#include "salvage/sql_text.h"

namespace salvage {
namespace {

using Clock = std::chrono::steady_clock;

void Tell(const Options& options, const std::string& text) {
  if (options.tell) options.tell(text);
}

pg::Connection Open(const std::string& restored, base::Stop stop) {
  pg::Connection connection = pg::Connection::Open({.conninfo = restored, .idle_in_transaction = kIdle, .stop = stop});
  try {
    connection.Exec("SET session_replication_role = replica");
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    throw base::Error(base::Code::kPrivilege, "the role may not keep triggers from firing on the restored server")
        .Detail(error.message())
        .Hint("Give it GRANT SET ON PARAMETER session_replication_role (PostgreSQL 15), or make it a superuser there.");
  }
  RequireNonePrepared(connection);
  ExecQuietly(connection, std::string(sql_text::kSchema));
  journal::Seal(connection);
  return connection;
}

// Constraints and types of users look for functions and operators as in a session of theirs; pg_catalog comes first.
// What prints names of types must come before.
void UsePath(pg::Connection& restored) {
  restored.Exec(
      "SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', NULLIF(s.reset_val, ''), "
      "e.schemas), "
      "false) FROM pg_catalog.pg_settings AS s, (SELECT pg_catalog.string_agg(DISTINCT "
      "pg_catalog.quote_ident(n.nspname), "
      "', ') AS schemas FROM pg_catalog.pg_extension AS x JOIN pg_catalog.pg_namespace AS n ON n.oid = x.extnamespace "
      "WHERE n.nspname <> 'pg_catalog') AS e WHERE s.name = 'search_path'");
}

Targets TargetsOf(pg::Connection& restored, const Options& options) {
  Targets targets = ReadTargets(restored, options.plan, options.rewritten);
  if (options.old_server != nullptr) AddPartitions(targets, *options.old_server);
  return targets;
}

// Pairs live in functions of schema switchback, which the restored server does not have yet.
void MakeTransforms(pg::Connection& restored, const plan::Plan& plan) {
  ExecQuietly(restored, "CREATE SCHEMA IF NOT EXISTS switchback");
  for (const plan::Pair& pair : plan.pairs) {
    if (pair.new_name.empty() || !HasTypes(restored, pair)) continue;
    for (const std::string& statement : plan::CreateTransforms(pair, pair.search_path)) {
      ExecQuietly(restored, statement);
    }
  }
}

void DropTransforms(pg::Connection& restored, const plan::Plan& plan) {
  for (const plan::Pair& pair : plan.pairs) {
    if (pair.new_name.empty() || !HasTypes(restored, pair)) continue;
    for (const std::string& statement : plan::DropTransforms(pair)) ExecQuietly(restored, statement);
  }
}

std::optional<Account> Staged(pg::Connection& restored) {
  const pg::Result staged = restored.Query("SELECT account FROM switchback_salvage.staged");
  if (staged.rows() == 0) return std::nullopt;
  return AccountFromJson(base::Json::parse(staged.Text(0, 0)));
}

// Tables that are done, with what is in them: all that committed before.
std::map<std::int64_t, pg::Lsn> DoneThrough(pg::Connection& restored) {
  std::map<std::int64_t, pg::Lsn> done;
  const pg::Result rows = restored.Query("SELECT relation, through FROM switchback_salvage.done");
  for (int row = 0; row < rows.rows(); ++row) done[rows.Int(row, 0)] = pg::Lsn::Parse(rows.Text(row, 1));
  return done;
}

// Transactions of applications that were not there yet when the rest was staged.
std::int64_t Later(const Options& options, pg::Lsn through) {
  stream::Reader reader = options.open();
  return CountSince(reader, through).applications;
}

// Of a table that was staged or done.
const Table& Require(const Targets& targets, std::int64_t oid) {
  if (const Table* table = targets.Find(oid)) return *table;
  throw base::Error(base::Code::kSalvageDone, "a table that was carried over is not on the restored server any more")
      .Hint("Somebody dropped it there. `switchback restore RELEASE --salvage` makes another server.");
}

// What came since the last call is staged as well; tables that are done and that it concerns are done anew.
Account StageAll(pg::Connection& restored, const Options& options, const Targets& targets) {
  if (std::optional<Account> staged = Staged(restored); staged && Later(options, staged->through) == 0) {
    return *std::move(staged);
  }
  std::map<std::int64_t, pg::Lsn> done = DoneThrough(restored);
  std::vector<const Table*> again;
  stream::Reader reader = options.open();
  for (const std::int64_t oid : WrittenSince(reader, targets, done)) {
    again.push_back(targets.Find(oid));
    Tell(options, "putting back " + again.back()->name.Text());
    done.erase(oid);
  }
  Reopen(restored, targets, again);
  StageRequest request{.open = options.open, .from = options.from, .targets = targets, .stop = options.stop};
  for (const auto& [oid, through] : done) request.keep.insert(oid);
  Tell(options, "staging what the applications wrote");
  return Stage(restored, request);
}

std::vector<std::int64_t> StagedTables(pg::Connection& restored) {
  const pg::Result rows = restored.Query(
      "SELECT pg_catalog.substr(c.relname::text, 8)::int8 FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = "
      "i.inhrelid "
      "WHERE i.inhparent = 'switchback_salvage.change'::regclass ORDER BY 1");
  std::vector<std::int64_t> oids;
  for (int row = 0; row < rows.rows(); ++row) oids.push_back(rows.Int(row, 0));
  return oids;
}

std::map<std::int64_t, TableOutcome> Done(pg::Connection& restored) {
  std::map<std::int64_t, TableOutcome> done;
  const pg::Result rows = restored.Query("SELECT relation, report FROM switchback_salvage.done");
  for (int row = 0; row < rows.rows(); ++row) {
    done[rows.Int(row, 0)] = OutcomeFromJson(base::Json::parse(rows.Text(row, 1)));
  }
  return done;
}

bool AnyToDo(const std::vector<std::int64_t>& tables, const std::map<std::int64_t, TableOutcome>& done) {
  return std::any_of(tables.begin(), tables.end(), [&](std::int64_t oid) { return done.count(oid) == 0; });
}

}  // namespace

std::int64_t Report::Applied() const {
  std::int64_t sum = 0;
  for (const auto& [name, table] : tables) sum += table.applied;
  return sum;
}

std::int64_t Report::InConflict() const {
  std::int64_t sum = 0;
  for (const auto& [name, table] : tables) sum += table.conflicts;
  return sum;
}

std::int64_t Report::Skipped() const {
  std::int64_t sum = 0;
  for (const auto& [name, table] : account.tables) sum += table.Skipped();
  for (const auto& [name, table] : tables) sum += table.skipped;
  return sum;
}

Report Salvage(const Options& options) {
  pg::Connection restored = Open(options.restored, options.stop);
  const Targets targets = TargetsOf(restored, options);
  UsePath(restored);
  Report report;
  const auto began = Clock::now();
  report.account = StageAll(restored, options, targets);
  const auto staged = Clock::now();
  const std::vector<std::int64_t> tables = StagedTables(restored);
  std::map<std::int64_t, TableOutcome> done = Done(restored);
  if (AnyToDo(tables, done)) Reopen(restored, targets, {});
  base::Failpoint(base::FailpointId::kSalvageStaged);
  MakeTransforms(restored, options.plan);
  for (const std::int64_t oid : tables) {
    base::StopIfAsked(options.stop);
    const Table& table = Require(targets, oid);
    if (done.count(oid) == 0) {
      Tell(options, "carrying over " + table.name.Text());
      base::LongWork work("carrying over " + table.name.Text(), {.unit = base::LongWork::Unit::kRows});
      done[oid] = Apply(restored, table, report.account.through, work);
      base::Failpoint(base::FailpointId::kSalvageAfterTable);
    }
  }
  DropTransforms(restored, options.plan);
  report.sequences = CarrySequences(restored, options.old_server, targets, tables, report.unread_sequences);
  base::Failpoint(base::FailpointId::kSalvageSequences);
  report.orphans = TakeBackOrphans(restored, targets, tables, done);
  report.event_triggers = ReadEventTriggers(restored).loud;
  for (const auto& [oid, outcome] : done) report.tables[Require(targets, oid).name] = outcome;
  const Resolved resolved = Decide(restored, targets, {});
  report.decided = resolved.applied + resolved.before;
  report.refused = resolved.refused;
  report.groups = WriteConflicts(restored, options.conflicts);
  report.conflicts = resolved.refused + resolved.left;
  report.later = Later(options, report.account.through);
  report.stage = std::chrono::duration_cast<std::chrono::milliseconds>(staged - began);
  report.merge = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - staged);
  return report;
}

Resolution Resolve(const std::string& restored, const plan::Plan& plan, const Decisions& decisions,
                   const std::filesystem::path& conflicts, base::Stop stop) {
  pg::Connection connection = Open(restored, stop);
  const Targets targets = ReadTargets(connection, plan, {});
  UsePath(connection);
  Resolution resolution{.resolved = Decide(connection, targets, decisions), .groups = {}};
  resolution.groups = WriteConflicts(connection, conflicts);
  return resolution;
}

base::Json GroupsJson(const std::vector<Group>& groups) {
  base::Json list = base::Json::array();
  for (const Group& group : groups) list.push_back(ToJson(group));
  return list;
}

base::Json ToJson(const Report& report) {
  base::Json tables = base::Json::array();
  for (const auto& [name, outcome] : report.tables) {
    base::Json table = ToJson(outcome);
    table["table"] = base::Json::array({name.schema, name.name});
    tables.push_back(std::move(table));
  }
  return {{"wrote", ToJson(report.account)},
          {"tables", tables},
          {"changes", report.account.Changes()},
          {"applied", report.Applied()},
          {"in_conflict", report.InConflict()},
          {"skipped", report.Skipped()},
          {"conflicts", report.conflicts},
          {"orphans", report.orphans},
          {"decided", report.decided},
          {"refused", report.refused},
          {"groups", GroupsJson(report.groups)},
          {"sequences", report.sequences},
          {"unread_sequences", report.unread_sequences},
          {"event_triggers", report.event_triggers},
          {"later", report.later},
          {"stage_ms", report.stage.count()},
          {"merge_ms", report.merge.count()}};
}

void RequireNonePrepared(pg::Connection& restored) {
  const pg::Result found = restored.Query(
      "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared LIMIT 20");
  if (found.rows() == 0) return;
  std::string rollbacks;
  for (int row = 0; row < found.rows(); ++row)
    rollbacks += "\nROLLBACK PREPARED " + pg::Literal(found.Text(row, 0)) + ";";
  throw base::Error(base::Code::kObstructed, "prepared transactions of the old server stand on the restored one")
      .Detail("what they wrote comes with the rest where they were committed, and what they have locked waits for ever")
      .Hint("On the restored server:" + rollbacks + "\nThen run the command again.");
}

}  // namespace salvage
