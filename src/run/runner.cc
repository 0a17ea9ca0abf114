#include "run/runner.h"

#include <fmt/core.h>

#include <exception>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "catalog/read.h"
#include "catalog/trust.h"
#include "journal/mirror.h"
#include "pg/transaction.h"
#include "pg/victim.h"
#include "run/attempts.h"
#include "run/drift.h"
#include "run/identity.h"
#include "run/look.h"
#include "run/others.h"

namespace run {
namespace {

using base::Code;
using journal::Direction;
using Clock = std::chrono::steady_clock;

// No statement of a run may queue for a lock without an end: others queue up behind it.
pg::ConnectOptions WithLockLimits(const Session& session) {
  pg::ConnectOptions options = session.connect;
  options.lock_timeout = session.limits.lock_timeout;
  if (!options.lock_budget) options.lock_budget = std::make_shared<pg::LockBudget>();
  return options;
}

pg::Connection Connect(const pg::ConnectOptions& options) {
  auto connection = pg::Connection::Open(options);
  pg::BeTheVictim(connection);
  try {
    // A killed runner's statement ends with it, so that the next one need not wait for it.
    connection.Exec("SET client_connection_check_interval = '3s'");
  } catch (const base::Error& error) {
    if (error.code() != Code::kStatementFailed) throw;  // this server's platform cannot
  }
  return connection;
}

// What says nothing about the step itself, or must not be followed by anything.
bool EndsTheRun(Code code) {
  return code == Code::kFailpointError || code == Code::kInterrupted || code == Code::kCommitInDoubt ||
         code == Code::kLeaseLost || code == Code::kBackfillHeld;
}

[[noreturn]] void Fail(const plan::Step& step, Direction direction, bool nothing_left, const base::Error& error) {
  if (error.code() == Code::kStepRefused || error.code() == Code::kStepUnproven || error.Retryable()) throw error;
  const std::string way_on = "run the command again, or go back with `switchback rollback`.";
  throw base::Error(Code::kStepFailed, fmt::format("{} failed: {}", What(step, direction), error.message()))
      .Hint(error.code() == Code::kPrivilege || error.code() == Code::kUntrusted
                ? fmt::format("{} Then {}", error.hint(), way_on)
                : fmt::format("Correct the cause and {}", way_on))
      .Detail(error.detail())
      .Sqlstate(error.sqlstate())
      .TargetChanged(nothing_left ? base::Changed::kNo : base::Changed::kYes);
}

}  // namespace

Runner::Runner(const Session& session, Direction way)
    : session_(session),
      connect_(WithLockLimits(session)),
      connection_(Connect(connect_)),
      tag_{.release = session.plan.release} {
  journal::InstallSchema(connection_);
  catalog::RequireTrust(connection_, session_.plan.tables, plan::AuthorsPath(session_.plan));
  others_may_ = catalog::OthersMayAddCode(connection_, session_.plan.tables);
  lease_.emplace(connect_, connection_, session_.plan.release, session_.tag_secret);
  EnterRelease(connection_, session_);
  session_.journal.Append("lease", lease_->taken());
  position_ = WhereItStands(connection_, session_.plan, session_.journal);
  if (position_.state == journal::Position::State::kDrifted) throw base::Error(Code::kDrifted, position_.problem);
  if (position_.state == journal::Position::State::kConcluded) Conclude();
  if (position_.state == journal::Position::State::kInterrupted && !position_.half && !position_.failed)
    RecordRollback();
  const bool begun = !journal::NothingDone(session_.journal.events());
  if (begun || way == Direction::kForward) CheckOthers(begun);
  CheckTouched(way);
}

Runner::~Runner() {
  if (std::uncaught_exceptions() == 0 || connection_.Broken()) return;
  try {
    tag_ = {.release = session_.plan.release};
    pg::Transaction transaction(connection_);
    Prologue(connection_);
    journal::MirrorLines(connection_, session_.plan.release, session_.journal,
                         journal::MirrorableThrough(session_.journal));
    transaction.Commit();
  } catch (const std::exception& error) {
    base::Debug("the journal's last lines are not in its mirror yet: {}", error.what());
  }
}

void Runner::Conclude() {
  const plan::Step& step = session_.plan.steps[*position_.in_flight];
  // Before the outcome line: a crash between the two is found by the next run as it was found by this one.
  if (!journal::InOneTransaction(step, Direction::kForward) && step.kind != plan::StepKind::kBackfill) {
    pg::Transaction transaction(connection_);
    Prologue(connection_);
    const auto left = journal::LoadTouched(connection_, session_.plan.release);
    StoreEffects(connection_, session_.plan, left ? *left : session_.plan.touched);
    transaction.Commit();
  }
  base::Failpoint(base::FailpointId::kRunBeforeConclude);
  session_.journal.Append("outcome", {{"step", step.id},
                                      {"direction", journal::Name(position_.direction)},
                                      {"intent", position_.intent},
                                      {"concluded", "after the run that did it ended without a word"}});
  position_ = WhereItStands(connection_, session_.plan, session_.journal);
}

// The lease is ours, so whatever transaction the former runner had is over, and it did not commit.
void Runner::RecordRollback() {
  const plan::Step& step = session_.plan.steps[*position_.in_flight];
  const base::Error error(Code::kInterrupted, "the run that began the step ended before its COMMIT");
  base::Failpoint(base::FailpointId::kRunBeforeWriteOff);
  session_.journal.Append("failed", {{"step", step.id},
                                     {"direction", journal::Name(position_.direction)},
                                     {"intent", position_.intent},
                                     {"rolled_back", true},
                                     {"error", error.ToJson()}});
  position_.failed = true;
}

void Runner::CheckTouched(Direction way) {
  // A step that is half done has changed what it touches, and nobody knows how far.
  if (position_.half) return;
  const Drift drift = FindDrift(connection_, session_.plan);
  const std::vector<std::string>& differences = way == Direction::kForward ? drift.forward : drift.undo;
  if (differences.empty()) return;
  std::string detail;
  for (const std::string& difference : differences) detail += (detail.empty() ? "" : "\n") + difference;
  throw base::Error(Code::kDrifted, "what the release needs is not as it was left").Detail(detail);
}

// Of two releases that have the same in hand, the one that was begun last moves.
void Runner::CheckOthers(bool begun) {
  std::string detail;
  for (const Other& other : FindOthers(connection_, session_.plan, session_.journal.events())) {
    if (!begun || other.later) detail += (detail.empty() ? "" : "\n") + Text(other);
  }
  if (detail.empty()) return;
  throw base::Error(Code::kOtherRelease, "another release has the same in hand").Detail(detail);
}

// Inside the transaction that makes the release stand, so that of two that begin at once one sees the other.
void Runner::CheckFirst() {
  if (!first_) return;
  connection_.Exec("LOCK TABLE switchback.release IN SHARE ROW EXCLUSIVE MODE");
  CheckOthers(false);
}

void Runner::StopIfAsked() const {
  if (base::Asked(session_.stop)) {
    throw base::Error(Code::kInterrupted, fmt::format("release {} was interrupted", session_.plan.release));
  }
}

void Runner::Tell(Progress::What what, std::size_t index, Direction direction, std::string text) const {
  if (!session_.progress) return;
  session_.progress(
      {what, &session_.plan.steps[index], direction, index + 1, session_.plan.steps.size(), std::move(text), {}});
}

Done Runner::Run(std::size_t index, Direction direction) {
  StopIfAsked();
  const plan::Step& step = session_.plan.steps[index];
  CheckObstacles(step, direction);
  Tell(Progress::What::kBegins, index, direction, direction == Direction::kForward ? step.title : step.reverse_title);
  first_ = journal::NothingDone(session_.journal.events());
  // A statement that is in no transaction may have left its effect in a run before this one.
  const bool half = position_.half && &session_.plan.steps[*position_.half] == &step;
  const auto left = half ? journal::LoadTouched(connection_, session_.plan.release) : std::nullopt;
  before_ = left ? *left : DescribeTouched(connection_, session_.plan);
  base::Failpoint(base::FailpointId::kStepBeforeIntent);
  const auto intent = session_.journal
                          .Append("intent", {{"step", step.id},
                                             {"direction", journal::Name(direction)},
                                             {"token", lease_->token()},
                                             {"verdict", session_.verdict_digest}})
                          .seq;
  base::Failpoint(base::FailpointId::kStepAfterIntent);
  const auto began = Clock::now();
  Done done;
  tag_.step = step.id;
  tag_.direction = journal::Name(direction);
  try {
    done = Attempts(index, direction, intent);
  } catch (const base::Error& error) {
    if (EndsTheRun(error.code()) || error.code() == Code::kLockGivenUp) throw;
    session_.journal.Append("failed", {{"step", step.id},
                                       {"direction", journal::Name(direction)},
                                       {"intent", intent},
                                       {"rolled_back", LeftNothing(step, direction)},
                                       {"error", error.ToJson()}});
    Fail(step, direction, LeftNothing(step, direction), error);
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  session_.journal.Append("outcome", {{"step", step.id},
                                      {"direction", journal::Name(direction)},
                                      {"intent", intent},
                                      {"duration_ms", took.count()},
                                      {"rows", done.rows},
                                      {"locks", done.locks}});
  if (!done.kept.empty()) session_.journal.Append("kept", {{"step", step.id}, {"rows", done.kept}});
  base::Failpoint(base::FailpointId::kStepAfterOutcome);
  Tell(Progress::What::kEnds, index, direction, base::FormatDuration(took));
  if (session_.after_step) session_.after_step(step, direction);
  return done;
}

void Runner::GiveUpFailed() {
  if (!position_.in_flight || position_.half || position_.direction != Direction::kForward) return;
  session_.journal.Append("abandoned",
                          {{"step", session_.plan.steps[*position_.in_flight].id}, {"intent", position_.intent}});
  position_ = WhereItStands(connection_, session_.plan, session_.journal);
}

void Runner::Finish() {
  tag_ = {.release = session_.plan.release};
  pg::Transaction transaction(connection_);
  Prologue(connection_);
  journal::MirrorLines(connection_, session_.plan.release, session_.journal,
                       journal::MirrorableThrough(session_.journal));
  base::Failpoint(base::FailpointId::kRunBeforeFinish);
  transaction.Commit();
  base::Failpoint(base::FailpointId::kRunAfterFinish);
}

void RunTo(const Session& session, plan::Phase phase) {
  Runner runner(session);
  for (std::size_t i = runner.position().ForwardFrom(); i < session.plan.EndOf(phase); ++i) {
    runner.Run(i, Direction::kForward);
  }
  runner.Finish();
}

std::int64_t FillAgain(const Session& session) {
  Runner runner(session);
  const std::int64_t rows = runner.FillAgain();
  runner.Finish();
  return rows;
}

}  // namespace run
