#include "cli/forward.h"

#include <fmt/core.h>

#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/audit.h"
#include "cli/facts.h"
#include "cli/stream_term.h"
#include "rollout/advice.h"
#include "run/identity.h"
#include "run/runner.h"

namespace cli {
namespace {

constexpr const char* kAccept = "--accept-point-of-no-return";
constexpr const char* kTerminate = "--terminate-blockers-after";
constexpr const char* kAcceptAlarms = "--accept-alarms";
constexpr const char* kMaxRate = "--max-rate";

// 0: no limit.
std::int64_t MaxRate(const Invocation& invocation) {
  const std::string text = invocation.Option(kMaxRate);
  if (text.empty()) return 0;
  std::int64_t rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error == std::errc() && end == text.data() + text.size() && rate > 0) return rate;
  throw base::Error(base::Code::kUsage, fmt::format("--max-rate {}: a whole number of rows a second, above 0", text));
}

// A person's word, bound to this plan and this step.
void Accept(Work& work) {
  const std::optional<std::size_t> point = work.plan().PointOfNoReturn();
  if (!point || work.plan().steps[*point].phase == plan::Phase::kPurge) return;
  const std::string& step = work.plan().steps[*point].id;
  const journal::Event* last = work.journal().Last("accepted");
  if (last != nullptr && last->body.value("plan", "") == work.plan().digest && last->body.value("step", "") == step)
    return;
  work.journal().Append("accepted", {{"plan", work.plan().digest}, {"step", step}});
}

base::Json PhaseResult(plan::Phase phase, const gate::Verdict& verdict, base::Time began) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(base::Now() - began);
  return {{"phase", Name(phase)}, {"verdict", gate::Name(verdict.decision)}, {"milliseconds", took.count()}};
}

// A release that is complete keeps WAL on the server all the same.
std::string KeptText(Work& work, const StreamTerm& term) {
  const journal::Event* checkpoint = work.journal().Last("checkpoint");
  const bool slot = checkpoint != nullptr && !checkpoint->body.value("slot", "").empty();
  if (!term.complete || term.over || !slot) return "";
  return "\n  " + ShowKept(work.release().name, term);
}

}  // namespace

Option TerminateOption() {
  return {.name = kTerminate,
          .value = "DURATION",
          .help =
              "end sessions that block a step for so long, in transactions that are open for so long; kept in the "
              "journal (default: never)"};
}

void ReadTerminate(const Invocation& invocation, Work& work) {
  if (!invocation.Has(kTerminate)) return;
  work.session().limits.terminate_blockers_after = base::ParseDuration(invocation.Option(kTerminate));
}

std::vector<Option> ForwardOptions() {
  return {{.name = kAccept, .help = "go on though a step before purge has no way back; kept in the journal"},
          {.name = kAcceptAlarms,
           .help = "accept the alarms that `status` shows, by name, with all that comes to light of the same; kept in "
                   "the journal"},
          TerminateOption()};
}

std::vector<Option> BackfillOptions() {
  std::vector<Option> options = ForwardOptions();
  options.push_back(
      {.name = kMaxRate, .value = "ROWS_PER_S", .help = "rows that a backfill fills in a second at most"});
  return options;
}

Outcome Forward(const Invocation& invocation, Context& context, Work& work, plan::Phase until, bool close_window,
                bool fill_again) {
  work.session().limits.backfill_rows_per_s = MaxRate(invocation);
  ReadTerminate(invocation, work);
  run::EnterRelease(work.connection(), work.session());
  DropStreamsOver(context, work);
  if (invocation.Has(kAccept)) Accept(work);
  if (invocation.Has(kAcceptAlarms)) rollout::AcceptAlarms(work.journal());
  Auditor auditor(work);
  work.session().after_step = [&](const plan::Step& step, journal::Direction) { auditor.AfterStep(step); };
  // What an earlier run left without its end is brought to the books first: the gate would take it for a change made
  // beside the release, and where nothing is left to do, nobody else would.
  if (const auto at = work.Position(); at.in_flight && !at.failed) run::RunTo(work.session(), plan::Phase::kStart);
  std::int64_t filled = 0;
  if (fill_again && work.Position().ForwardFrom() >= work.plan().EndOf(plan::Phase::kMigrate)) {
    filled = run::FillAgain(work.session());
  }
  base::Json phases = base::Json::array();
  for (const plan::Phase phase : work.plan().Phases()) {
    const std::size_t end = work.plan().EndOf(phase);
    if (phase > until) break;
    if (work.Position().ForwardFrom() >= end) continue;
    const base::Time began = base::Now();
    const gate::Verdict verdict = Judge(context, work, gate::ParsePhase(std::string(Name(phase))));
    if (verdict.decision != gate::Decision::kGo) throw gate::Refusal(verdict);
    work.session().verdict_digest = verdict.facts_digest;
    run::RunTo(work.session(), phase);
    phases.push_back(PhaseResult(phase, verdict, began));
    base::Info("{} is done", Name(phase));
  }
  if (!phases.empty() || filled > 0) auditor.Look();
  if (close_window) CloseWindow(work);
  const journal::Position position = work.Position();
  const StreamTerm term = TermOf(work.release(), work.plan(), work.journal(), position);
  if (term.over) DropStreamOf(work);
  return {.result = {{"phases", phases},
                     {"filled_again", filled},
                     {"position", rollout::PositionFacts(work.plan(), position)}},
          .text = fmt::format("{}: {}", work.release().name, rollout::ShowPosition(work.plan(), position)) +
                  (filled == 0 ? "" : fmt::format("\n  {} rows that came beside the triggers were filled", filled)) +
                  KeptText(work, term),
          .next = rollout::Advice(work.release(), work.plan(), work.journal(), position)};
}

}  // namespace cli
