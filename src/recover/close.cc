#include "recover/close.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/failpoint.h"
#include "checkpoint/stream.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"
#include "recover/sql_text.h"
#include "recover/unconverted.h"
#include "run/drift.h"
#include "run/identity.h"
#include "run/lease.h"
#include "run/look.h"
#include "run/own.h"
#include "salvage/fence.h"
#include "stream/spool.h"

namespace recover {
namespace {

using base::Code;

std::string GeneratedNames(const plan::Plan& plan) { return fmt::format("sbr_{}_", plan.hex); }

// The values of a retired column that cannot be told from the column that it was made of.
std::string ToldByOld(const plan::Plan& plan, const Closing::Left& left) {
  for (const plan::Pair& pair : plan.pairs) {
    if (pair.table != left.table || pair.retired_new != left.column || pair.old_name.empty()) continue;
    return plan::Consistent(pair, {pair.old_name, left.column, false}, "t.");
  }
  return "";
}

std::optional<std::int64_t> Ask(pg::Connection& connection, const std::string& search_path, const std::string& sql) {
  try {
    pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, true);
    connection.Query("SELECT pg_catalog.set_config('search_path', $1, true)",
                     {search_path.empty() ? "pg_catalog" : search_path});
    return connection.Exec(sql).Int(0, 0);
  } catch (const base::Error& error) {
    if (error.code() != Code::kStatementFailed) throw;
    return std::nullopt;  // its transform is gone with the triggers
  }
}

void Count(pg::Connection& connection, const plan::Plan& plan, Closing::Left& left) {
  const std::string from = fmt::format("FROM {} AS t", left.table.Sql());
  if (left.column.empty()) {
    left.values = connection.Exec("SELECT pg_catalog.count(*) " + from).Int(0, 0);
    left.nowhere = left.values;
    return;
  }
  const std::string given = fmt::format("t.{} IS NOT NULL", pg::Ident(left.column));
  left.values = connection.Exec(fmt::format("SELECT pg_catalog.count(*) {} WHERE {}", from, given)).Int(0, 0);
  const std::string told = ToldByOld(plan, left);
  left.nowhere = left.values;
  if (told.empty()) return;
  left.nowhere = Ask(connection, plan.pairs.front().search_path,
                     fmt::format("SELECT pg_catalog.count(*) {} WHERE {} AND NOT {}", from, given, told));
}

void FindLeft(pg::Connection& connection, const plan::Plan& plan, Closing& closing) {
  if (!journal::SchemaCurrent(connection)) return;
  const std::string names = GeneratedNames(plan);
  const pg::Result columns = connection.Query(std::string(sql_text::kCloseColumns), {names, plan.release});
  for (int i = 0; i < columns.rows(); ++i) {
    Closing::Left left{.what = "", .table = {columns.Text(i, 0), columns.Text(i, 1)}, .column = columns.Text(i, 2)};
    const std::string former = columns.IsNull(i, 3) ? left.column : columns.Text(i, 3);
    left.what = fmt::format("column {}.{}", left.table.Text(), former);
    if (!columns.IsNull(i, 4)) left.hangs_on = columns.Text(i, 4);
    closing.left.push_back(std::move(left));
  }
  const pg::Result tables = connection.Query(std::string(sql_text::kCloseTables), {names, plan.release, plan.hex});
  for (int i = 0; i < tables.rows(); ++i) {
    Closing::Left left{.what = "", .table = {tables.Text(i, 0), tables.Text(i, 1)}, .column = ""};
    const bool images = left.table.schema == "switchback";
    left.what = images                      ? fmt::format("images {}", left.table.Text())
                : tables.Text(i, 2).empty() ? fmt::format("table {}", left.table.Text())
                : tables.Text(i, 3) == "t"  ? fmt::format("rows of {} whose other side went", tables.Text(i, 2))
                                            : fmt::format("table {}", tables.Text(i, 2));
    closing.left.push_back(std::move(left));
  }
  for (Closing::Left& left : closing.left) Count(connection, plan, left);
}

// Stands in remedies for the one command that leaves all that a person may leave.
constexpr const char* kLeave = "{leave}";

// What is decided is open no more; the command that leaves the rest decides that again.
void SayHowToLeave(const std::string& release, const std::vector<std::string>& decided,
                   std::vector<Closing::Open>& open) {
  std::string command = fmt::format("`switchback close {}", release);
  for (const char* cause : {"kept", "unconverted", "conflicts"}) {
    if (std::ranges::any_of(open, [&](const Closing::Open& one) { return one.cause == cause; }))
      command += fmt::format(" --decide {}=application", cause);
  }
  command += "`";
  std::erase_if(open, [&](const Closing::Open& one) { return std::ranges::find(decided, one.cause) != decided.end(); });
  for (Closing::Open& one : open) {
    if (const std::size_t at = one.remedy.find(kLeave); at != std::string::npos)
      one.remedy.replace(at, std::string_view(kLeave).size(), command);
  }
}

// Rows that ways back left alone since the release was opened last.
std::int64_t RowsKept(const journal::Journal& journal) {
  std::int64_t rows = 0;
  const journal::Counting counting(journal.events());
  for (const journal::Event& event : counting.events()) {
    if (event.kind == "opened" || event.kind == "closed") rows = 0;
    if (event.kind == "kept") rows += static_cast<std::int64_t>(event.body.value("rows", base::Json::array()).size());
  }
  return rows;
}

void FindOpenRows(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal,
                  Closing& closing) {
  const bool back = closing.ended == "taken back";
  if (const std::int64_t rows = back ? RowsKept(journal) : 0; rows > 0) {
    closing.open.push_back(
        {"kept", fmt::format("{} rows were left alone by the way back, because an application changed them", rows),
         fmt::format("see `switchback diagnose {}`, and correct what is wrong; {} leaves them as the applications have "
                     "them",
                     plan.release, kLeave)});
  }
  // Of either side that goes, what the other could not take.
  const Unconverted found = ReadUnconverted(connection, plan.release, &plan);
  if (const std::int64_t rows = back ? found.count - found.up : found.up; rows > 0) {
    closing.open.push_back({"unconverted",
                            fmt::format("{} rows have a value that could not be converted to the other side", rows),
                            fmt::format("see `switchback diagnose {}`, and correct them; {} leaves them as they are",
                                        plan.release, kLeave)});
  }
  const pg::Result checks = connection.Query(std::string(sql_text::kCloseConstraints), {GeneratedNames(plan)});
  for (int i = 0; i < checks.rows(); ++i) {
    closing.open.push_back(
        {"kept", fmt::format("rows of {} keep {} from becoming NOT NULL again", checks.Text(i, 0), checks.Text(i, 2)),
         fmt::format(
             "correct them, ALTER TABLE {0} VALIDATE CONSTRAINT {1}, SET NOT NULL, and DROP CONSTRAINT {1}; {2} "
             "leaves them and the check as they are",
             checks.Text(i, 0), pg::Ident(checks.Text(i, 1)), kLeave)});
  }
}

// Partitions that were detached amid the release keep its columns, in step with nothing.
void FindDetached(pg::Connection& connection, const plan::Plan& plan, Closing& closing) {
  const auto touched =
      journal::SchemaCurrent(connection) ? journal::LoadTouched(connection, plan.release) : std::nullopt;
  if (!touched) return;
  for (const plan::Pair& pair : plan.pairs) {
    std::vector<std::string> gone = {pair.shadow, pair.retired_new, pair.retired_old};
    if (pair.old_name != pair.new_name) gone.push_back(closing.ended == "taken back" ? pair.new_name : pair.old_name);
    const base::Json was = touched->value(pair.table.Text(), base::Json::object());
    const base::Json partitions = was.value("partitions", base::Json::object());
    for (const auto& [partition, nothing] : partitions.items()) {
      const pg::Result found = connection.Query(
          "SELECT a.attname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
          "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
          "WHERE pg_catalog.concat(n.nspname, '.', c.relname) = $1 AND c.relkind IN ('r', 'p') "
          "AND a.attname IN (SELECT pg_catalog.jsonb_array_elements_text($2::pg_catalog.jsonb)) AND NOT EXISTS (SELECT "
          "FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)",
          {partition, base::Json(gone).dump()});
      for (int i = 0; i < found.rows(); ++i) {
        closing.open.push_back(
            {"detached",
             fmt::format(
                 "{} is no partition of {} any more, and has the release's column {}, which nothing kept in step",
                 partition, pair.table.Text(), found.Text(i, 0)),
             fmt::format("see which values are right, and drop the column there; or attach it again, run {0} again and "
                         "take it back again",
                         plan.release)});
      }
    }
  }
}

// Where the line is; what contract retired is the purge's, behind its gate.
void FindStanding(const plan::Plan& plan, const journal::Position& position, Closing& closing) {
  const bool whole = position.done == plan.steps.size() && !position.half && !position.in_flight;
  if (position.done == 0 && !position.half) return;
  if (whole && position.state == journal::Position::State::kClean) return;
  const bool retired = position.done >= plan.EndOf(plan::Phase::kContract) && !position.in_flight;
  const std::string& release = plan.release;
  closing.open.push_back(
      {"stands",
       retired ? "what contract retired still stands"
               : fmt::format("{} of {} steps are done", position.done, plan.steps.size()),
       retired ? fmt::format("`switchback purge {0}` drops it behind its gate, or `switchback rollback {0}` brings it "
                             "back",
                             release)
               : fmt::format("bring it to its end with `switchback run {0} --until purge`, or take it back with "
                             "`switchback rollback {0}`",
                             release)});
}

// From the journal alone: what has a name of the release's at its start may be another's by now.
journal::Position ByJournal(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal) {
  if (journal::NothingDone(journal.events())) return {};
  return run::WhereItStands(connection, plan, journal);
}

bool HasStream(pg::Connection& connection, const plan::Plan& plan) {
  return connection
      .Query(
          "SELECT EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE pg_catalog.starts_with(slot_name, $1) AND "
          "database = pg_catalog.current_database()) OR EXISTS (SELECT FROM pg_catalog.pg_publication WHERE "
          "pg_catalog.starts_with(pubname, $1))",
          {fmt::format("switchback_{}_", plan.hex)})
      .Bool(0, 0);
}

class Closer {
 public:
  Closer(const run::Session& session, const Closing& closing)
      : session_(session),
        closing_(closing),
        connection_(pg::Connection::Open(session.connect)),
        lease_(session.connect, Installed(connection_), session.plan.release, session.tag_secret) {
    connection_.SetLockTimeout(session.limits.lock_timeout);
  }

  void Run(const std::filesystem::path& state, const std::function<void()>& release_backups) {
    for (const Closing::Left& left : closing_.left) Drop(left);
    DropFunctions();
    base::Failpoint(base::FailpointId::kCloseBeforeStream);
    checkpoint::DropStream(connection_, session_.plan.hex);
    if (HasStream(connection_, session_.plan)) {
      throw base::Error(Code::kSlotBusy, "the slot of the release is in use, and could not be dropped");
    }
    stream::RemoveSpools(state);
    release_backups();
    base::Failpoint(base::FailpointId::kCloseBeforeLine);
    Finish();
  }

 private:
  static pg::Connection& Installed(pg::Connection& connection) {
    journal::InstallSchema(connection);
    return connection;
  }

  template <typename Work>
  void InTransaction(const std::string& what, const Work& work) {
    const pg::LockPatience patience{session_.limits.lock_timeout, session_.limits.lock_retries};
    pg::RetryForLocks(connection_, patience, what, [&](std::chrono::milliseconds lock_timeout) {
      pg::Transaction transaction(connection_);
      pg::SetLockTimeout(connection_, lock_timeout);
      run::MarkAsOwn(connection_, session_.tag_secret, {.release = session_.plan.release});
      lease_.Hold(connection_);
      work();
      base::Failpoint(base::FailpointId::kCloseBeforeCommit);
      transaction.Commit();
    });
  }

  void Drop(const Closing::Left& left) {
    InTransaction(fmt::format("the lock of {}", left.table.Text()), [&] {
      const base::Json before = run::DescribeTouched(connection_, session_.plan);
      if (left.column.empty()) {
        connection_.Exec(fmt::format("DROP TABLE IF EXISTS {}", left.table.Sql()));
      } else {
        connection_.Exec(
            fmt::format("ALTER TABLE {} DROP COLUMN IF EXISTS {}", left.table.Sql(), pg::Ident(left.column)));
      }
      const std::string& name = left.column.empty() ? left.table.name : left.column;
      connection_.Query(
          "DELETE FROM switchback.retired WHERE release = $1 AND (generated_name = $2 OR "
          "pg_catalog.starts_with(generated_name, $2 || '_'))",
          {session_.plan.release, name});
      run::StoreEffects(connection_, session_.plan, before);
    });
  }

  // A way back drops them with its triggers; one that was interrupted may have left some.
  void DropFunctions() {
    const pg::Result functions = connection_.Query(std::string(sql_text::kCloseFunctions), {session_.plan.hex});
    if (functions.rows() == 0) return;
    InTransaction("the functions of the release", [&] {
      for (int i = 0; i < functions.rows(); ++i) connection_.Exec("DROP FUNCTION IF EXISTS " + functions.Text(i, 0));
    });
  }

  void Finish() {
    const std::string& release = session_.plan.release;
    if (journal::Closed(session_.journal.events()) == nullptr) {
      base::Json dropped = base::Json::array();
      for (const Closing::Left& left : closing_.left) dropped.push_back(Text(left));
      session_.journal.Append("closed", {{"plan", closing_.plan}, {"ended", closing_.ended}, {"dropped", dropped}});
    }
    base::Failpoint(base::FailpointId::kCloseAfterLine);
    InTransaction("the release's rows", [&] {
      connection_.Query(std::string(sql_text::kCloseWrite),
                        {release, closing_.plan, closing_.ended, session_.plan.hex});
      for (const char* table : {"release", "retired", "unconverted", "both_changed", "replaced", "pause",
                                "backfill_cursor", "backfill_state", "file"}) {
        connection_.Query(fmt::format("DELETE FROM switchback.{} WHERE {} = $1", table,
                                      std::string_view(table) == "release" ? "name" : "release"),
                          {release});
      }
      journal::MirrorLines(connection_, release, session_.journal,
                           static_cast<std::int64_t>(session_.journal.events().size()));
    });
  }

  const run::Session& session_;
  const Closing& closing_;
  pg::Connection connection_;
  run::Lease lease_;
};

}  // namespace

Closing LookToClose(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal,
                    const std::vector<std::string>& decided, std::int64_t conflicts) {
  Closing closing;
  const journal::Event* opened = journal.Last("opened");
  closing.plan = opened == nullptr ? plan.digest : opened->body.value("plan", plan.digest);
  const journal::Position position = ByJournal(connection, plan, journal);
  FindStanding(plan, position, closing);
  if (closing.open.empty()) {
    const bool begun = opened != nullptr && std::ranges::any_of(journal.events(), [&](const journal::Event& event) {
                         return event.kind == "outcome" && event.seq > opened->seq;
                       });
    closing.ended = position.done > 0 ? "complete" : begun ? "taken back" : "never begun";
    FindLeft(connection, plan, closing);
    FindOpenRows(connection, plan, journal, closing);
    if (begun) FindDetached(connection, plan, closing);
  }
  if (conflicts > 0) {
    closing.open.push_back(
        {"conflicts", fmt::format("{} conflicts of a salvage are not decided", conflicts),
         fmt::format(
             "`switchback status {}` says where they are; where applications stayed on this server, {} leaves them",
             plan.release, kLeave)});
  }
  SayHowToLeave(plan.release, decided, closing.open);
  if (const salvage::FenceNow fence = salvage::LookAtFence(connection); fence.tables > 0) {
    closing.open.push_back(
        {"fence", fmt::format("{} tables are read-only, by the fence of a cut-over", fence.tables),
         fmt::format("`switchback restore {} --lift-fence`, where applications stay here", plan.release)});
  }
  for (const Closing::Left& left : closing.left) {
    if (left.hangs_on.empty()) continue;
    closing.open.push_back({"hanging", fmt::format("{} ({}) is used by {}", left.what, left.column, left.hangs_on),
                            "drop that, or change it so that it does without"});
  }
  closing.stream = HasStream(connection, plan);
  return closing;
}

void Close(const run::Session& session, const Closing& closing, const std::filesystem::path& state,
           const std::function<void()>& release_backups) {
  if (!closing.open.empty()) {
    base::Error error(Code::kOpenEnds, fmt::format("the release {} cannot be ended yet", session.plan.release));
    std::string detail;
    for (const Closing::Open& open : closing.open) {
      detail += fmt::format("{}{}: {}", detail.empty() ? "" : "\n", open.text, open.remedy);
    }
    throw error.Detail(detail).Hint(closing.open.front().remedy + "; then run the command again.");
  }
  Closer(session, closing).Run(state, release_backups);
}

base::Json ToJson(const Closing& closing) {
  base::Json json = {{"plan", closing.plan},
                     {"ended", closing.ended.empty() ? base::Json() : base::Json(closing.ended)},
                     {"stream", closing.stream},
                     {"left", base::Json::array()},
                     {"open", base::Json::array()}};
  for (const Closing::Left& left : closing.left) {
    json["left"].push_back({{"what", left.what},
                            {"table", left.table.Text()},
                            {"column", left.column.empty() ? base::Json() : base::Json(left.column)},
                            {"values", left.values},
                            {"nowhere_else", left.nowhere ? base::Json(*left.nowhere) : base::Json()}});
  }
  for (const Closing::Open& open : closing.open) {
    json["open"].push_back({{"cause", open.cause}, {"text", open.text}, {"remedy", open.remedy}});
  }
  return json;
}

std::string Text(const Closing::Left& left) {
  const char* unit = left.column.empty() ? "row" : "value";
  const std::string count = fmt::format("{} {}{}", left.values, unit, left.values == 1 ? "" : "s");
  if (left.values == 0) return fmt::format("{}: empty", left.what);
  if (!left.nowhere)
    return fmt::format("{}: {}; not compared with the old column, its transform is gone", left.what, count);
  if (*left.nowhere == 0) return fmt::format("{}: {}, all told by the old column too", left.what, count);
  if (*left.nowhere == left.values) return fmt::format("{}: {}, which nothing else has", left.what, count);
  return fmt::format("{}: {}, {} of which nothing else has", left.what, count, *left.nowhere);
}

}  // namespace recover
