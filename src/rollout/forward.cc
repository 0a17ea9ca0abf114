#include "rollout/forward.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "base/time.h"
#include "recover/aside.h"
#include "rollout/advice.h"
#include "rollout/after_step.h"
#include "rollout/audit.h"
#include "rollout/audits.h"
#include "rollout/facts.h"
#include "rollout/promotion.h"
#include "run/identity.h"
#include "run/runner.h"

namespace rollout {
namespace {

// A phase begins where the one before it ended: what was skipped would run without having been asked for.
void CheckOrder(OpenRelease& open, plan::Phase phase) {
  for (const plan::Phase before : open.plan().Phases()) {
    if (before >= phase) return;
    if (open.Position().ForwardFrom() >= open.plan().EndOf(before)) continue;
    throw base::Error(base::Code::kPhaseOrder,
                      fmt::format("{} comes before {}, and is not done", Name(before), Name(phase)))
        .Hint(fmt::format("Run `switchback {} {}` first.", Name(before), open.release().name));
  }
}

// A person's word, bound to this plan and this step.
void Accept(OpenRelease& open) {
  const std::optional<std::size_t> point = open.plan().PointOfNoReturn();
  if (!point || open.plan().steps[*point].phase == plan::Phase::kPurge) return;
  const std::string& step = open.plan().steps[*point].id;
  const journal::Event* last = open.journal().Last("accepted");
  if (last != nullptr && last->body.value("plan", "") == open.plan().digest && last->body.value("step", "") == step)
    return;
  open.journal().Append("accepted", {{"plan", open.plan().digest}, {"step", step}});
}

void Prepare(OpenRelease& open, const ForwardOptions& options) {
  open.session().verdict_digest.clear();
  open.session().limits.backfill_rows_per_s = options.rows_per_s;
  open.session().limits.terminate_blockers_after = options.terminate_blockers_after;
  run::EnterRelease(open.connection(), open.session());
  DropStreamsOver(open);
  if (options.accept_point_of_no_return) Accept(open);
  if (options.accept_alarms) AcceptAlarms(open.journal());
  if (options.accept_other_plan) AcceptOtherPlan(open);
}

ForwardReport::Done RunPhase(OpenRelease& open, plan::Phase phase) {
  const base::Time began = base::Now();
  const gate::Verdict verdict = Judge(open, gate::ParsePhase(std::string(Name(phase))));
  if (verdict.decision != gate::Decision::kGo) throw gate::Refusal(verdict);
  open.session().verdict_digest = verdict.facts_digest;
  run::RunTo(open.session(), phase);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(base::Now() - began);
  return {.phase = phase, .verdict = verdict.decision, .took = took};
}

// A release that is complete keeps WAL on the server all the same.
std::string KeptText(OpenRelease& open, const StreamTerm& term) {
  const journal::Event* checkpoint = open.journal().Last("checkpoint");
  const bool slot = checkpoint != nullptr && !checkpoint->body.value("slot", "").empty();
  return term.complete && !term.over && slot ? ShowKept(open.release().name, term) : "";
}

}  // namespace

ForwardReport Forward(OpenRelease& open, const ForwardOptions& options) {
  if (options.in_order) CheckOrder(open, options.until);
  Prepare(open, options);
  Auditor auditor(open);
  const AfterStep after_step(open, [&](const plan::Step& step) { auditor.AfterStep(step); });
  // What an earlier run left without its end is brought to the books first: the gate would take it for a change made
  // beside the release, and where nothing is left to do, nobody else would.
  if (const auto at = open.Position(); at.in_flight && !at.failed) run::RunTo(open.session(), plan::Phase::kStart);
  ForwardReport report;
  const std::vector<std::string> aside = recover::RowsAside(open.connection(), open.release().name);
  if (options.fill_again && open.Position().ForwardFrom() >= open.plan().EndOf(plan::Phase::kMigrate)) {
    report.filled = run::FillAgain(open.session());
  }
  for (const plan::Phase phase : open.plan().Phases()) {
    if (phase > options.until) break;
    if (open.Position().ForwardFrom() >= open.plan().EndOf(phase)) continue;
    report.phases.push_back(RunPhase(open, phase));
    open.Inform(fmt::format("{} is done", Name(phase)));
  }
  if (!report.phases.empty() || report.filled > 0) auditor.Look();
  for (const std::string& sentence : recover::RowsAside(open.connection(), open.release().name)) {
    if (std::ranges::find(aside, sentence) == aside.end()) open.Warn(sentence);
  }
  if (options.close_window) CloseWindow(open);
  report.position = open.Position();
  const StreamTerm term = TermOf(open.release(), open.plan(), open.journal(), report.position);
  if (term.over) DropStreamOf(open);
  report.kept = KeptText(open, term);
  report.next = Advice(open.release(), open.plan(), open.journal(), report.position);
  return report;
}

}  // namespace rollout
