#include "rollout/standing.h"

#include <fmt/core.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/unfinished.h"
#include "journal/mirror.h"
#include "rollout/advice.h"
#include "rollout/open_release.h"
#include "rollout/plan_file.h"
#include "rollout/sql_text.h"
#include "run/look.h"

namespace rollout {
namespace {

std::optional<journal::Event> LastOf(const journal::Journal& journal, const char* kind) {
  const journal::Event* event = journal.Last(kind);
  return event == nullptr ? std::nullopt : std::optional(*event);
}

void AddHistory(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                OpenStanding& standing) {
  standing.checkpoint = LastOf(journal, "checkpoint");
  standing.edited = EditedSince(release, journal);
  standing.window = WindowOf(release, plan, journal, standing.position);
  if (standing.position.failed) standing.failure = LastOf(journal, "failed");
  if (!journal.events().empty()) standing.last = journal.events().back();
}

// What a way back left unproven; before that and after a way forward there is none of it.
std::vector<recover::Unproven> UnprovenOf(pg::Connection& connection, const plan::Plan& plan,
                                          const journal::Journal& journal) {
  const journal::Event* last = journal.Last("outcome");
  const bool back = last != nullptr && last->body.value("direction", "") == journal::Name(journal::Direction::kReverse);
  return back ? recover::ReadUnproven(connection, plan) : std::vector<recover::Unproven>();
}

void AddBackfills(pg::Connection& connection, const plan::Plan& plan, OpenStanding& standing) {
  if (!journal::SchemaCurrent(connection)) return;
  const pg::Result rows = connection.Query(std::string(sql_text::kReadProgress), {plan.release});
  for (int i = 0; i < rows.rows(); ++i) {
    const bool runs = rows.Bool(i, 3);
    standing.backfills.push_back({.step = rows.Text(i, 0),
                                  .rows = rows.Int(i, 1),
                                  .percent = rows.Int(i, 2),
                                  .runs = runs,
                                  .waits_for = runs ? rows.Text(i, 4) : ""});
  }
  const pg::Result paused = connection.Query(std::string(sql_text::kReadPause), {plan.release});
  if (paused.rows() > 0) standing.paused_by = paused.Text(0, 0);
}

// What the stream shows of the release, and whether it will go on to do so.
void AddAudits(pg::Connection& connection, const journal::Journal& journal, OpenStanding& standing) {
  standing.audits = ReadAudits(journal);
  standing.slot = ReadSlotStanding(connection, journal);
  if (standing.slot && standing.term.over && !standing.slot->lost.empty()) standing.slot.reset();
}

void AddDrift(pg::Connection& connection, const plan::Plan& plan, OpenStanding& standing) {
  const journal::Position& position = standing.position;
  const bool between = position.done > 0 && position.done < plan.steps.size() && !position.in_flight && !position.half;
  if (between) standing.drift = run::FindDrift(connection, plan);
}

std::optional<ClosedStanding> ClosedOf(pg::Connection& connection, const std::string& release, const plan::Plan& plan,
                                       const journal::Journal& journal) {
  const auto ending = journal::ReadEnding(connection, release, plan.digest);
  const journal::Event* closed = journal::Closed(journal.events());
  if (!ending && closed == nullptr) return std::nullopt;
  return ClosedStanding{.ended = ending ? ending->ended : closed->body.value("ended", ""),
                        .same_plan = ending.has_value(),
                        .unfinished = !ending && closed->body.value("plan", "") == plan.digest};
}

OpenStanding OpenOf(const release::Project& project, const release::Release& release, const plan::Plan& plan,
                    const journal::Journal& journal, pg::Connection& connection) {
  const std::filesystem::path state = project.StateOf(release.name);
  OpenStanding standing;
  standing.position = run::WhereItStands(connection, plan, journal);
  AddHistory(release, plan, journal, standing);
  standing.unconverted = recover::ReadUnconverted(connection, plan.release, &plan);
  standing.unproven = UnprovenOf(connection, plan, journal);
  AddBackfills(connection, plan, standing);
  standing.term = TermOf(release, plan, journal, standing.position);
  standing.archive = ArchiveServes(state, ProviderIfAny(project.environment, state).get());
  AddAudits(connection, journal, standing);
  AddDrift(connection, plan, standing);
  standing.after = ReadAfterRestore(journal);
  standing.fence = salvage::LookAtFence(connection);
  return standing;
}

// Behind a fence nothing of the release is next.
std::string NextOf(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                   const OpenStanding& standing) {
  if (standing.fence.tables > 0) return NextBehindFence(release.name, standing.after);
  if (!standing.drift.forward.empty()) return fmt::format("switchback diagnose {}", plan.release);
  return Advice(release, plan, journal, standing.position);
}

std::string NextOf(const std::string& release, const ClosedStanding& closed) {
  if (closed.same_plan) return "";
  return fmt::format("switchback {} {}", closed.unfinished ? "close" : "checkpoint", release);
}

}  // namespace

Standing Look(const release::Project& project, const release::Release& release, pg::Connection* connection) {
  Standing standing;
  const std::filesystem::path state = project.StateOf(release.name);
  const auto journal =
      connection == nullptr ? journal::Journal::Open(state) : run::OpenJournal(*connection, release.name, state);
  standing.plan = FindPlan(release, journal, connection);
  if (!standing.plan) {
    standing.next = fmt::format("switchback plan {}", release.name);
    return standing;
  }
  const plan::Plan& plan = *standing.plan;
  if (connection == nullptr) {
    standing.journal_lines = journal.events().size();
    return standing;
  }
  standing.closed = ClosedOf(*connection, release.name, plan, journal);
  if (standing.closed) {
    standing.next = NextOf(release.name, *standing.closed);
    return standing;
  }
  standing.open = OpenOf(project, release, plan, journal, *connection);
  standing.next = NextOf(release, plan, journal, *standing.open);
  return standing;
}

CheckpointStanding LookAtCheckpoint(const release::Environment& environment, const std::filesystem::path& state) {
  CheckpointStanding standing;
  standing.unfinished = checkpoint::Unfinished(state, journal::Journal::Open(state));
  if (const auto found = checkpoint::Find(state)) standing.restorable = AskRestorable(environment, found->point);
  return standing;
}

}  // namespace rollout
