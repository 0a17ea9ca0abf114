#include <fmt/core.h>

#include "backfill/backfill.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/long_work.h"
#include "base/time.h"
#include "catalog/trust.h"
#include "journal/mirror.h"
#include "pg/lock_meter.h"
#include "pg/transaction.h"
#include "run/drift.h"
#include "run/images.h"
#include "run/look.h"
#include "run/own.h"
#include "run/rows_done.h"
#include "run/runner.h"
#include "run/search_path.h"

namespace run {

using base::Code;
using journal::Direction;

namespace {

std::vector<pg::QualifiedName> WrittenBy(const plan::Step& step) {
  std::vector<pg::QualifiedName> tables;
  if (step.data) {
    for (const auto& capture : step.data->captures) tables.push_back(capture.table);
  }
  if (step.backfill) tables.push_back(step.backfill->table);
  return tables;
}

}  // namespace

void Runner::Prologue(pg::Connection& connection) const {
  MarkAsOwn(connection, session_.tag_secret, tag_);
  lease_->Hold(connection);
}

void Runner::KeepOthersOut(pg::Connection& connection, const std::vector<pg::QualifiedName>& tables) const {
  if (!others_may_) return;
  for (const pg::QualifiedName& table : tables) {
    connection.Exec(fmt::format("LOCK TABLE {} IN ROW EXCLUSIVE MODE", table.Sql()));
  }
  catalog::RequireTrust(connection, tables, "");
}

// With its locks, the transaction may stand still for as long as it might have gone on to wait for them.
void Runner::LimitIdle(const pg::LockMeter& meter) {
  const std::chrono::milliseconds limit = std::max(meter.Left() + frozen_reserve_, kFrozen);
  if (limit >= idle_limit_) return;
  idle_limit_ = limit;
  connection_.Exec(fmt::format("SET LOCAL idle_in_transaction_session_timeout = {}", idle_limit_.count()));
}

std::int64_t Runner::RunStatements(const std::vector<plan::Statement>& statements, pg::LockMeter& meter,
                                   std::chrono::milliseconds lock_timeout) {
  std::int64_t rows = 0;
  for (const plan::Statement& statement : statements) {
    if (!statement.only_if.empty()) {
      const auto answer = connection_.Exec(statement.only_if);
      if (answer.rows() != 1 || answer.IsNull(0, 0) || !answer.Bool(0, 0)) continue;
    }
    if (const auto left = meter.Left(); left < lock_timeout) pg::SetLockTimeout(connection_, lock_timeout = left);
    meter.Mark();
    rows += connection_.Exec(statement.sql).affected();
    LimitIdle(meter);
    meter.Sample(connection_);
  }
  return rows;
}

void Runner::Prove(const plan::Step& step, Direction direction) {
  const bool forward = direction == Direction::kForward;
  const plan::Condition& condition = forward ? step.postcondition : step.reverse_postcondition;
  if (Holds(connection_, condition, step.search_path)) return;
  throw base::Error(Code::kStepUnproven,
                    fmt::format("{}step {} ({}) ran, but it does not hold that {}", forward ? "" : "the way back of ",
                                step.id, step.title, condition.text));
}

void Runner::Close(const plan::Step& step, Direction direction, std::int64_t through) {
  SetSearchPath(connection_, "");
  journal::Seal(connection_);
  journal::MirrorLines(connection_, session_.plan.release, session_.journal, through);
  StoreEffects(connection_, session_.plan, before_);
  Prove(step, direction);
}

Done Runner::Attempt(const plan::Step& step, Direction direction, std::int64_t intent, pg::LockMeter& meter,
                     pg::LockWatch& watch) {
  if (step.kind == plan::StepKind::kBackfill && direction == Direction::kForward) return Backfilled(step, intent);
  if (!step.transactional && step.kind != plan::StepKind::kBackfill)
    return Concurrently(step, direction, intent, watch);
  return InTransaction(step, direction, intent, meter);
}

base::LongWork Runner::Telling(const plan::Step& step, Direction direction, RowsDone* rows) const {
  const auto index = static_cast<std::size_t>(&step - session_.plan.steps.data());
  const auto tell = [this, index, direction](const std::string& line) {
    Tell(Progress::What::kWaits, index, direction, line);
  };
  if (rows == nullptr) {
    const std::string& title = direction == Direction::kForward ? step.title : step.reverse_title;
    return base::LongWork(title, {.tell = tell, .says_done = false});
  }
  return base::LongWork(
      "",
      {.unit = base::LongWork::Unit::kRows, .look = [rows] { return rows->Look(); }, .tell = tell, .says_done = false});
}

Done Runner::InTransaction(const plan::Step& step, Direction direction, std::int64_t intent, pg::LockMeter& meter) {
  const bool forward = direction == Direction::kForward;
  Done done;
  pg::Transaction transaction(connection_);
  Prologue(connection_);
  const auto lock_timeout = TakeLocks(step, direction, meter);
  LimitIdle(meter);
  KeepOthersOut(connection_, WrittenBy(step));
  CheckFirst();
  if (forward && !Holds(connection_, step.precondition, step.search_path)) {
    throw base::Error(Code::kStepRefused, fmt::format("step {} ({}) cannot begin, because this does not hold: {}",
                                                      step.id, step.title, step.precondition.text));
  }
  if (forward && step.data) {
    connection_.Query("SELECT pg_catalog.set_config('switchback.capture', $1, true)", {step.data->capture_id});
  }
  std::optional<RowsDone> rows;
  if (step.data) rows.emplace(connect_, connection_, *step.data);
  SetSearchPath(connection_, step.search_path);
  if (forward && step.data && !step.forward.empty()) {
    rows->Expect(EstimatedRows(connection_, step.forward.front().sql).value_or(0), true);
  }
  const base::LongWork work = Telling(step, direction, rows ? &*rows : nullptr);
  if (!forward && step.data) {
    meter.Mark();
    Undone undone = UndoData(connection_, *step.data, &*rows);
    meter.Sample(connection_);
    done.rows = undone.rows;
    done.kept = std::move(undone.kept);
  }
  if (!forward && step.backfill) backfill::Forget(connection_, session_.plan.release, step.id);
  done.rows += RunStatements(forward ? step.forward : *step.reverse, meter, lock_timeout);
  if (forward && step.data) connection_.Exec("SET LOCAL switchback.capture = ''");
  Close(step, direction, intent);
  base::Failpoint(base::FailpointId::kStepBeforeCommit);
  transaction.Commit(journal::IsMirroredSql(session_.plan.release, intent));
  base::Failpoint(base::FailpointId::kStepAfterCommit);
  return done;
}

Done Runner::Concurrently(const plan::Step& step, Direction direction, std::int64_t intent, pg::LockWatch& watch) {
  const bool forward = direction == Direction::kForward;
  Done done;
  {
    pg::Transaction transaction(connection_);
    Prologue(connection_);
    CheckFirst();
    journal::MirrorLines(connection_, session_.plan.release, session_.journal, intent);
    base::Failpoint(base::FailpointId::kStepBeforeConcurrent);
    transaction.Commit();
  }
  if (forward && !Holds(connection_, step.precondition, step.search_path)) {
    throw base::Error(Code::kStepRefused, fmt::format("step {} ({}) cannot begin, because this does not hold: {}",
                                                      step.id, step.title, step.precondition.text));
  }
  {
    const Fence fence(connect_, *lease_);
    base::Failpoint(base::FailpointId::kLeaseFenced);
    connection_.SetLockTimeout(session_.limits.concurrent_lock_timeout);
    try {
      DropInvalid(step);
      const plan::Condition& wanted = forward ? step.postcondition : step.reverse_postcondition;
      if (wanted.sql.empty() || !Holds(connection_, wanted, step.search_path)) {
        Outside(step, direction, intent, watch);
      }
    } catch (const base::Error& error) {
      if (forward && error.code() != Code::kFailpointError) CleanUp(step);
      throw;
    }
    connection_.SetLockTimeout(session_.limits.lock_timeout);
    fence.Check();
  }
  base::Failpoint(base::FailpointId::kStepAfterStatement);
  base::Failpoint(base::FailpointId::kStepBeforeCommit);
  pg::Transaction transaction(connection_);
  Prologue(connection_);
  Close(step, direction, intent);
  transaction.Commit();
  base::Failpoint(base::FailpointId::kStepAfterCommit);
  return done;
}

backfill::Job Runner::JobOf(const plan::Step& step, const plan::Backfill& backfill, std::int64_t intent) {
  const std::size_t index = static_cast<std::size_t>(&step - session_.plan.steps.data());
  const journal::Event* checkpoint = session_.journal.Last("checkpoint");
  return {.connect = connect_,
          .release = session_.plan.release,
          .step = step.id,
          .backfill = backfill,
          .search_path = step.search_path,
          .lock_timeout = session_.limits.lock_timeout,
          .throttle = session_.limits.throttle,
          .rows_per_s = session_.limits.backfill_rows_per_s,
          .slot = checkpoint == nullptr ? "" : checkpoint->body.value("slot", ""),
          .stop = session_.stop,
          .begin =
              [this, &step](pg::Connection& connection) {
                Prologue(connection);
                KeepOthersOut(connection, WrittenBy(step));
              },
          .progress =
              [this, index](const backfill::Report& report) {
                if (!session_.progress) return;
                session_.progress({Progress::What::kBackfill,
                                   &session_.plan.steps[index],
                                   Direction::kForward,
                                   index + 1,
                                   session_.plan.steps.size(),
                                   "",
                                   {report.rows, report.rows_per_s, report.blocks, report.all_blocks, report.pass,
                                    report.left, report.waits_for}});
              },
          .paused =
              [this, &step, intent](const backfill::Pause& pause) {
                session_.journal.Append("paused", {{"step", step.id},
                                                   {"intent", intent},
                                                   {"fact", pause.fact},
                                                   {"reason", pause.text},
                                                   {"since", base::FormatTime(pause.since)},
                                                   {"until", base::FormatTime(pause.until)},
                                                   {"times", pause.times},
                                                   {"waited_ms", pause.waited.count()}});
              },
          .tell = [this,
                   index](const std::string& line) { Tell(Progress::What::kWaits, index, Direction::kForward, line); },
          .blocked = [this](const base::Json& blockers) { blocked_ = blockers; }};
}

Done Runner::Backfilled(const plan::Step& step, std::int64_t intent) {
  if (!Holds(connection_, step.precondition, step.search_path)) {
    throw base::Error(Code::kStepRefused, fmt::format("step {} ({}) cannot begin, because this does not hold: {}",
                                                      step.id, step.title, step.precondition.text));
  }
  const backfill::Job job = JobOf(step, *step.backfill, intent);
  backfill::Filled filled = backfill::Fill(job);
  Done done{.rows = filled.rows, .locks = std::move(filled.locks)};
  pg::Transaction transaction(connection_);
  Prologue(connection_);
  connection_.Exec(fmt::format("SET LOCAL lock_timeout = {}", session_.limits.lock_timeout.count()));
  SetSearchPath(connection_, step.search_path);
  backfill::ListUnconverted(connection_, job);
  backfill::Forget(connection_, session_.plan.release, step.id);
  Close(step, Direction::kForward, intent);
  base::Failpoint(base::FailpointId::kStepBeforeCommit);
  transaction.Commit();
  base::Failpoint(base::FailpointId::kStepAfterCommit);
  return done;
}

}  // namespace run
