#include "cli/gather.h"

#include <fmt/core.h>

#include <chrono>

#include "base/digest.h"
#include "base/error.h"
#include "cli/plan_file.h"
#include "journal/position.h"
#include "proof/invariants.h"
#include "recover/drift.h"
#include "recover/unconverted.h"
#include "run/identity.h"
#include "run/look.h"

namespace cli {
namespace {

using base::Json;

constexpr std::chrono::seconds kInvariantTimeout{30};

std::string BodyText(const journal::Event* event, const char* key) {
  return event == nullptr ? "" : event->body.value(key, "");
}

std::optional<std::string> NotEmpty(std::string text) {
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

bool Accepted(const journal::Journal& journal, const plan::Plan& plan) {
  for (const journal::Event& event : journal.events()) {
    if (event.kind == "accepted" && event.body.value("plan", "") == plan.digest) return true;
  }
  return false;
}

gate::PointOfNoReturnFact PointOf(const GateSources& sources) {
  const std::optional<std::size_t> point = sources.plan->PointOfNoReturn();
  if (!point) return {};
  const plan::Step& step = sources.plan->steps[*point];
  return {true, step.id, std::string(plan::Name(step.phase)), Accepted(sources.journal, *sources.plan)};
}

void GatherPlan(const GateSources& sources, gate::Facts& facts) {
  if (sources.plan == nullptr) return;
  const plan::Plan& plan = *sources.plan;
  facts.plan_digest = plan.digest;
  facts.blockers.emplace();
  for (const plan::Blocker& blocker : plan.blockers) {
    facts.blockers->push_back(fmt::format("{}: {}", blocker.object, blocker.reason));
  }
  facts.point_of_no_return = PointOf(sources);

  const journal::Position position = run::WhereItStands(sources.connection, plan, sources.journal);
  facts.begun = position.done > 0 || position.half.has_value();
  // A run that was opened with this plan and taken back left retired objects behind, for which the plan was not made.
  if (!*facts.begun && facts.begun_digest != facts.plan_digest) {
    facts.compiled_digest = CompileAgainst(sources.release, sources.connection).digest;
  }

  if (position.state == journal::Position::State::kDrifted) {
    facts.drift = {position.problem};
  } else if (position.half) {
    facts.half_done = plan.steps[*position.half].id;
  } else {
    facts.drift = recover::Drift(sources.connection, plan);
  }
}

void GatherCheckpoint(const GateSources& sources, gate::Facts& facts) {
  if (sources.checkpoint == nullptr) return;
  const checkpoint::Checkpoint& checkpoint = *sources.checkpoint;
  // checkpoint.json is written when its WAL is in the archive, and not before.
  facts.checkpoint = gate::CheckpointFact{.digest = checkpoint::DigestOf(checkpoint),
                                          .plan_digest = checkpoint.plan_digest,
                                          .system_identifier = checkpoint.point.system_identifier,
                                          .taken_at = checkpoint.time,
                                          .wal_archived = true};
}

void GatherInvariants(const GateSources& sources, gate::Facts& facts) {
  facts.invariants.emplace();
  for (proof::InvariantResult& result :
       proof::AskInvariants(sources.connection, sources.release.invariants, kInvariantTimeout)) {
    facts.invariants->push_back({.name = std::move(result.name),
                                 .expected = std::move(result.expected),
                                 .holds = result.holds,
                                 .found = std::move(result.found),
                                 .error = std::move(result.error)});
  }
}

void GatherUnconverted(const GateSources& sources, gate::Facts& facts) {
  const recover::Unconverted found = recover::ReadUnconverted(sources.connection, sources.release.name);
  facts.unconverted = gate::UnconvertedFact{.count = found.count, .rows = {}};
  for (const auto& row : found.rows) {
    facts.unconverted->rows.push_back(fmt::format("{} {} {}: {}", row.relation, row.column, row.key, row.reason));
  }
}

void Accept(const GateSources& sources) {
  if (sources.plan == nullptr || Accepted(sources.journal, *sources.plan)) return;
  const gate::PointOfNoReturnFact point = PointOf(sources);
  if (!point.exists || point.phase == plan::Name(plan::Phase::kPurge)) return;
  sources.journal.Append("accepted", {{"plan", sources.plan->digest}, {"step", point.step}, {"phase", point.phase}});
}

}  // namespace

std::optional<checkpoint::Checkpoint> LoadCheckpointIfThere(const std::filesystem::path& state_directory) {
  if (!std::filesystem::exists(checkpoint::FileOf(state_directory))) return std::nullopt;
  return checkpoint::Load(state_directory);
}

gate::Facts Gather(const GateSources& sources) {
  gate::Facts facts;
  facts.now = base::ParseTime(base::FormatTime(base::Now()));
  facts.release = sources.release.name;
  facts.owner = sources.release.owner;
  facts.rollback_window = sources.release.rollback_window.value_or(std::chrono::milliseconds(0));
  const journal::Event* opened = sources.journal.Last("opened");
  facts.begun_digest = NotEmpty(BodyText(opened, "plan"));
  facts.begun_system_identifier = NotEmpty(BodyText(opened, "system_identifier"));
  facts.system_identifier = NotEmpty(run::ReadIdentity(sources.connection).system_identifier);
  GatherPlan(sources, facts);
  GatherCheckpoint(sources, facts);
  GatherInvariants(sources, facts);
  GatherUnconverted(sources, facts);
  return facts;
}

AskedGate AskGate(const GateSources& sources, gate::Phase phase, bool accept) {
  if (accept) Accept(sources);
  const gate::Policy policy{.checkpoint_max_age = sources.project.environment.policy.checkpoint_max_age};
  const gate::Facts facts = Gather(sources);
  AskedGate asked{.verdict = gate::Decide(policy, facts, phase), .digest = {}};
  const Json record = gate::Record(policy, facts, asked.verdict);
  asked.digest = "sha256:" + base::Sha256Hex(base::Canonical(record));
  sources.journal.Append("verdict", record);
  return asked;
}

}  // namespace cli
