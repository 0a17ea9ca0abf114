#include "rollout/facts.h"

#include <fmt/core.h>

#include "base/failpoint.h"
#include "checkpoint/checkpoint.h"
#include "journal/position.h"
#include "proof/invariants.h"
#include "recover/unconverted.h"
#include "rollout/after_restore.h"
#include "rollout/audit.h"
#include "rollout/checkpoint.h"
#include "rollout/plan_file.h"
#include "rollout/promotion.h"
#include "rollout/provider.h"
#include "run/drift.h"
#include "run/identity.h"
#include "run/others.h"
#include "run/refill.h"
#include "run/tail.h"

namespace rollout {
namespace {

constexpr std::chrono::seconds kInvariantTimeout{60};

std::optional<std::string> TextOf(const journal::Event* event, const char* key) {
  if (event == nullptr || !event->body.contains(key) || !event->body[key].is_string()) return {};
  return event->body[key].get<std::string>();
}

std::optional<gate::CheckpointFact> CheckpointFact(OpenRelease& open) {
  const std::optional<checkpoint::Checkpoint> found = FindCheckpoint(open);
  if (!found) return {};
  const Restorable restorable = AskRestorable(open.environment(), found->point);
  return gate::CheckpointFact{.digest = checkpoint::DigestOf(*found),
                              .recorded_digest = checkpoint::RecordedDigest(open.journal()),
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

std::vector<std::string> UnfilledFact(OpenRelease& open) {
  std::vector<std::string> sentences;
  for (const run::Unfilled& unfilled : run::FindUnfilled(open.connection(), open.plan(), open.Position().done)) {
    sentences.push_back(run::Text(unfilled));
  }
  return sentences;
}

gate::StreamFact StreamFact(OpenRelease& open, const backup::BackupProvider* provider) {
  const std::optional<SlotStanding> slot = ReadSlotStanding(open.connection(), open.journal());
  gate::StreamFact fact{.has_slot = slot.has_value(), .archive = ArchiveServes(open.state(), provider)};
  if (slot) {
    fact.lost = slot->lost;
    fact.soon_lost = slot->soon_lost;
  }
  return fact;
}

gate::FenceFact FenceFact(OpenRelease& open) {
  gate::FenceFact fact{.tables = salvage::LookAtFence(open.connection()).tables};
  const std::optional<AfterRestore::Moment> cut_over = ReadAfterRestore(open.journal()).cut_over;
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

gate::Facts Measure(OpenRelease& open, gate::Phase phase) {
  const release::Release& release = open.release();
  const plan::Plan& plan = open.plan();
  Auditor auditor(open);
  auditor.Look();
  const journal::Event* opened = open.journal().Last("opened");
  const bool moved = EverMoved(open.journal());

  gate::Facts facts;
  facts.now = base::Now();
  facts.release = release.name;
  facts.begun = !journal::NothingDone(open.journal().events());
  facts.checkpoint = CheckpointFact(open);
  facts.blockers = Blockers(plan);
  facts.plan_digest = plan.digest;
  if (moved) {
    facts.begun_digest = TextOf(opened, "plan");
    facts.begun_system_identifier = TextOf(opened, "system_identifier");
  } else {
    const plan::Plan compiled = CompileAgainst(release, open.connection());
    facts.compiled_digest = compiled.digest;
    // A plan that was made is not blocked; what blocks now came after it, or is this role's alone.
    if (!compiled.blockers.empty()) facts.blockers = Blockers(compiled);
  }
  facts.system_identifier = run::ReadIdentity(open.connection()).system_identifier;
  if (const std::optional<std::size_t> half = open.Position().half) {
    facts.half_done = plan.steps[*half].id;
  } else {
    facts.drift = run::FindDrift(open.connection(), plan, moved).forward;
  }
  facts.others.emplace();
  for (const run::Other& other : run::FindOthers(open.connection(), plan, open.journal().events())) {
    if (!*facts.begun || other.later) facts.others->push_back(run::Text(other));
  }
  facts.owner = release.owner;
  facts.rollback_window = release.rollback_window.value_or(std::chrono::milliseconds(0));
  facts.point_of_no_return = PointOfNoReturn(plan, open.journal());
  facts.invariants = Invariants(open.connection(), release);
  facts.unconverted = Unconverted(open.connection(), plan, phase);
  if (phase >= gate::Phase::kSwitch) facts.unfilled = UnfilledFact(open);
  const Audits audits = ReadAudits(open.journal());
  const auto provider = ProviderIfAny(open.environment(), open.state());
  facts.stream = StreamFact(open, provider.get());
  facts.footprint = gate::FootprintFact{.steps = audits.steps,
                                        .alarms = audits.alarms,
                                        .touching = audits.touching,
                                        .not_evidenced = audits.not_evidenced};
  facts.loss = auditor.Loss(provider.get());
  facts.fence = FenceFact(open);
  facts.promotion = Promotion(open, phase);
  return facts;
}

gate::Verdict Judge(OpenRelease& open, gate::Phase phase) {
  const gate::Policy policy = GatePolicy(open.environment().policy);
  const gate::Facts facts = Measure(open, phase);
  gate::Verdict verdict = gate::Decide(policy, facts, phase);
  base::Failpoint(base::FailpointId::kGateDecided);
  base::Json record = gate::Record(policy, facts, verdict);
  record["files"] = open.session().files;
  open.journal().Append("verdict", record);
  run::MirrorTail(open.connection(), open.session());
  return verdict;
}

}  // namespace rollout
