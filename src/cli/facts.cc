#include "cli/facts.h"

#include <fmt/core.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "cli/audit.h"
#include "journal/position.h"
#include "proof/invariants.h"
#include "recover/unconverted.h"
#include "rollout/after_restore.h"
#include "rollout/plan_file.h"
#include "rollout/provider.h"
#include "run/drift.h"
#include "run/identity.h"
#include "run/others.h"
#include "run/refill.h"
#include "run/tail.h"

namespace cli {
namespace {

constexpr std::chrono::seconds kInvariantTimeout{60};

std::optional<std::string> TextOf(const journal::Event* event, const char* key) {
  if (event == nullptr || !event->body.contains(key) || !event->body[key].is_string()) return {};
  return event->body[key].get<std::string>();
}

std::optional<gate::CheckpointFact> CheckpointFact(const release::Environment& environment, Work& work) {
  const std::optional<checkpoint::Checkpoint> found = checkpoint::Find(work.state());
  if (!found) return {};
  const rollout::Restorable restorable = rollout::AskRestorable(environment, found->point);
  return gate::CheckpointFact{.digest = checkpoint::DigestOf(*found),
                              .recorded_digest = checkpoint::RecordedDigest(work.journal()),
                              .plan_digest = found->plan_digest,
                              .system_identifier = found->point.system_identifier,
                              .taken_at = found->time,
                              .restorable = restorable.can,
                              .not_restorable = restorable.why_not};
}

gate::PointOfNoReturnFact PointOfNoReturn(const plan::Plan& plan, const journal::Journal& journal) {
  const std::optional<std::size_t> point = plan.PointOfNoReturn();
  if (!point) return {};
  gate::PointOfNoReturnFact fact{
      .exists = true, .step = plan.steps[*point].id, .phase = std::string(Name(plan.steps[*point].phase))};
  for (const journal::Event& event : journal.events()) {
    if (event.kind == "accepted" && event.body.value("plan", "") == plan.digest &&
        event.body.value("step", "") == fact.step) {
      fact.accepted = true;
    }
  }
  return fact;
}

std::vector<gate::InvariantFact> Invariants(pg::Connection& connection, const release::Release& release) {
  std::vector<gate::InvariantFact> facts;
  for (const proof::InvariantResult& result : proof::AskInvariants(connection, release.invariants, kInvariantTimeout)) {
    facts.push_back({.name = result.name,
                     .expected = result.expected,
                     .holds = result.holds,
                     .found = result.found,
                     .error = result.error});
  }
  return facts;
}

// Only what contract would take away: a value that the old column cannot hold is what the change is for. Before that,
// and before purge, the rows are asked: notes are made and removed by whoever writes a row.
gate::UnconvertedFact Unconverted(pg::Connection& connection, const plan::Plan& plan, gate::Phase phase) {
  recover::Unconverted found = recover::ReadUnconverted(connection, plan.release, &plan);
  if (phase == gate::Phase::kContract || phase == gate::Phase::kPurge) {
    recover::Unconverted rows = recover::FindUnconverted(connection, plan);
    if (rows.up > found.up) found = std::move(rows);
  }
  gate::UnconvertedFact fact{.count = found.up, .rows = {}};
  for (const recover::Unconverted::Row& row : found.rows) {
    if (row.direction == "up")
      fact.rows.push_back(fmt::format("{}.{} of {}: {}", row.relation, row.column, row.key, row.reason));
  }
  return fact;
}

std::vector<std::string> UnfilledFact(Work& work) {
  std::vector<std::string> sentences;
  for (const run::Unfilled& unfilled : run::FindUnfilled(work.connection(), work.plan(), work.Position().done)) {
    sentences.push_back(run::Text(unfilled));
  }
  return sentences;
}

gate::StreamFact StreamFact(Work& work, const backup::BackupProvider* provider) {
  const std::optional<SlotStanding> slot = ReadSlotStanding(work.connection(), work.journal());
  gate::StreamFact fact{.has_slot = slot.has_value(), .archive = ArchiveServes(work.state(), provider)};
  if (slot) {
    fact.lost = slot->lost;
    fact.soon_lost = slot->soon_lost;
  }
  return fact;
}

gate::FenceFact FenceFact(Work& work) {
  gate::FenceFact fact{.tables = salvage::LookAtFence(work.connection()).tables};
  const std::optional<rollout::AfterRestore::Moment> cut_over = rollout::ReadAfterRestore(work.journal()).cut_over;
  if (fact.tables > 0 && cut_over) fact.new_server = cut_over->url;
  return fact;
}

// True where a step of the run ever ended, be it taken back since: undo leaves retired columns behind, so the release
// no longer compiles to the plan that it was opened with.
bool EverMoved(const journal::Journal& journal) {
  const journal::Event* opened = journal.Last("opened");
  const journal::Event* outcome = journal.Last("outcome");
  const journal::Event* intent = journal.Last("intent");
  if (opened == nullptr) return false;
  return (outcome != nullptr && outcome->seq > opened->seq) || (intent != nullptr && intent->seq > opened->seq);
}

std::vector<std::string> Blockers(const plan::Plan& plan) {
  std::vector<std::string> sentences;
  for (const plan::Blocker& blocker : plan.blockers)
    sentences.push_back(fmt::format("{}: {}", blocker.object, blocker.reason));
  return sentences;
}

}  // namespace

gate::Policy GatePolicy(const release::Policy& policy) { return {.checkpoint_max_age = policy.checkpoint_max_age}; }

gate::Facts CollectFacts(Context& context, Work& work, gate::Phase phase) {
  const release::Release& release = work.release();
  const plan::Plan& plan = work.plan();
  Auditor auditor(work);
  auditor.Look();
  const journal::Event* opened = work.journal().Last("opened");
  const bool moved = EverMoved(work.journal());

  gate::Facts facts;
  facts.now = base::Now();
  facts.release = release.name;
  facts.begun = !journal::NothingDone(work.journal().events());
  facts.checkpoint = CheckpointFact(context.project().environment, work);
  facts.blockers = Blockers(plan);
  facts.plan_digest = plan.digest;
  if (moved) {
    facts.begun_digest = TextOf(opened, "plan");
    facts.begun_system_identifier = TextOf(opened, "system_identifier");
  } else {
    const plan::Plan compiled = rollout::CompileAgainst(release, work.connection());
    facts.compiled_digest = compiled.digest;
    // A plan that was made is not blocked; what blocks now came after it, or is this role's alone.
    if (!compiled.blockers.empty()) facts.blockers = Blockers(compiled);
  }
  facts.system_identifier = run::ReadIdentity(work.connection()).system_identifier;
  if (const std::optional<std::size_t> half = work.Position().half) {
    facts.half_done = plan.steps[*half].id;
  } else {
    facts.drift = run::FindDrift(work.connection(), plan, moved).forward;
  }
  facts.others.emplace();
  for (const run::Other& other : run::FindOthers(work.connection(), plan, work.journal().events())) {
    if (!*facts.begun || other.later) facts.others->push_back(run::Text(other));
  }
  facts.owner = release.owner;
  facts.rollback_window = release.rollback_window.value_or(std::chrono::milliseconds(0));
  facts.point_of_no_return = PointOfNoReturn(plan, work.journal());
  facts.invariants = Invariants(work.connection(), release);
  facts.unconverted = Unconverted(work.connection(), plan, phase);
  if (phase >= gate::Phase::kSwitch) facts.unfilled = UnfilledFact(work);
  const rollout::Audits audits = rollout::ReadAudits(work.journal());
  const auto provider = rollout::ProviderIfAny(context.project().environment, work.state());
  facts.stream = StreamFact(work, provider.get());
  facts.footprint = gate::FootprintFact{.steps = audits.steps,
                                        .alarms = audits.alarms,
                                        .touching = audits.touching,
                                        .not_evidenced = audits.not_evidenced};
  facts.loss = auditor.Loss(provider.get());
  facts.fence = FenceFact(work);
  return facts;
}

gate::Verdict Judge(Context& context, Work& work, gate::Phase phase) {
  const gate::Policy policy = GatePolicy(context.project().environment.policy);
  const gate::Facts facts = CollectFacts(context, work, phase);
  gate::Verdict verdict = gate::Decide(policy, facts, phase);
  base::Failpoint(base::FailpointId::kGateDecided);
  base::Json record = gate::Record(policy, facts, verdict);
  record["files"] = work.session().files;
  work.journal().Append("verdict", record);
  run::MirrorTail(work.connection(), work.session());
  return verdict;
}

}  // namespace cli
