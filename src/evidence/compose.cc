#include "evidence/compose.h"

#include <fmt/core.h>

#include <span>
#include <string_view>

#include "base/error.h"
#include "evidence/rollback.h"
#include "evidence/runs.h"
#include "journal/position.h"

namespace evidence {
namespace {

using base::Json;
using journal::Event;

Json EntriesOf(const Sources& sources, std::string_view kind) {
  Json entries = Json::array();
  for (const Event& event : sources.events) {
    if (event.kind == kind) entries.push_back(Entry(event));
  }
  return entries;
}

Json Standing(const Sources& sources, const journal::Position& position) {
  const plan::Phase boundary = position.Boundary(sources.plan);
  Json json = {{"phase", plan::Name(boundary)},
               {"at_boundary", position.AtBoundary(sources.plan)},
               {"steps_done", position.done},
               {"steps", sources.plan.steps.size()},
               {"in_flight", nullptr}};
  if (position.in_flight) {
    json["in_flight"] = {{"step", sources.plan.steps[*position.in_flight].id},
                         {"direction", journal::Name(position.direction)},
                         {"intent", position.intent},
                         {"failed", position.failed}};
  }
  return json;
}

// A verdict without its facts: those stand in the journal, at `seq`.
Json Verdicts(const Sources& sources, bool refused_only) {
  Json verdicts = Json::array();
  for (const Event& event : sources.events) {
    if (event.kind != "verdict") continue;
    Json verdict = event.body.value("verdict", Json::object());
    if (refused_only && TextAt(verdict, "decision") == "GO") continue;
    verdict["seq"] = event.seq;
    verdicts.push_back(verdict);
  }
  return verdicts;
}

Json Rollout(const Sources& sources) {
  const std::vector<Run> runs = RunsOf(SinceOpened(sources.events));
  Json steps = Json::array();
  for (const plan::Step& step : sources.plan.steps) {
    Json forward = Json::array();
    Json reverse = Json::array();
    for (const Run& run : runs) {
      if (run.step == step.id) (run.forward ? forward : reverse).push_back(ToJson(run));
    }
    steps.push_back({{"id", step.id},
                     {"phase", plan::Name(step.phase)},
                     {"kind", plan::Name(step.kind)},
                     {"title", step.title},
                     {"reversible", step.reverse.has_value()},
                     {"forward", forward},
                     {"reverse", reverse}});
  }
  return {{"opened", EntriesOf(sources, "opened")},  {"checkpoints", EntriesOf(sources, "checkpoint")},
          {"proofs", EntriesOf(sources, "proven")},  {"verdicts", Verdicts(sources, false)},
          {"audits", EntriesOf(sources, "audited")}, {"steps", steps}};
}

// Attempts of which only the beginning is on record: the process or its host went away.
Json Interruptions(const Sources& sources) {
  Json interruptions = Json::array();
  for (const Run& run : RunsOf(sources.events)) {
    if (run.end == nullptr) interruptions.push_back(Entry(*run.intent));
  }
  return interruptions;
}

Json Remediation(const Sources& sources) {
  return {{"failures", EntriesOf(sources, "failed")},
          {"interruptions", Interruptions(sources)},
          {"retries", EntriesOf(sources, "retry")},
          {"refusals", Verdicts(sources, true)},
          {"acceptances", EntriesOf(sources, "accepted")},
          {"alarms_accepted", EntriesOf(sources, "alarms_accepted")},
          {"conditions_fired", EntriesOf(sources, "condition_fired")},
          {"ways_back", WaysTaken(sources.events)},
          {"rows_kept", EntriesOf(sources, "kept")},
          {"parted", EntriesOf(sources, "parted")},
          {"notes", EntriesOf(sources, "note")}};
}

// A plan made anew has steps of the same names, which are not those that the journal speaks of.
void CheckSamePlan(const Sources& sources) {
  const std::span<const Event> run = SinceOpened(sources.events);
  if (run.empty() || run.front().kind != "opened") return;
  const std::string opened_with = TextAt(run.front().body, "plan");
  if (opened_with == sources.plan.digest) return;
  throw base::Error(base::Code::kOtherInputs, "the journal was opened with another plan than plan.lock.json holds")
      .Detail(fmt::format("journal: {}, plan.lock.json: {}", opened_with, sources.plan.digest))
      .Hint("Bring back the plan.lock.json of that run from Git.");
}

std::string ValueText(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

}  // namespace

Json Declare(const release::Release& release, const std::string& environment) {
  Json applications = Json::array();
  for (const auto& [name, application] : release.applications) {
    applications.push_back({{"name", name},
                            {"before", application.before ? Json(application.before->version) : Json()},
                            {"after", application.after ? Json(application.after->version) : Json()},
                            {"code_rollback", !application.code_rollback.is_null()}});
  }
  Json flags = Json::array();
  for (const auto& [name, hooks] : release.flags) flags.push_back(name);
  Json invariants = Json::array();
  for (const release::Invariant& invariant : release.invariants) {
    invariants.push_back({{"name", invariant.name}, {"sql", invariant.sql}, {"expect", ValueText(invariant.expect)}});
  }
  Json conditions = Json::array();
  for (const release::RollbackCondition& condition : release.rollback_conditions) {
    conditions.push_back({{"name", condition.name},
                          {"sql", condition.sql},
                          {"prometheus", condition.prometheus},
                          {"max", fmt::format("{}", condition.max)},
                          {"for", condition.duration},
                          {"then", condition.then}});
  }
  return {{"name", release.name},
          {"title", release.title},
          {"environment", environment},
          {"owner", release.owner},
          {"rollback_window_ms", release.rollback_window ? Json(release.rollback_window->count()) : Json()},
          {"applications", applications},
          {"flags", flags},
          {"invariants", invariants},
          {"rollback_conditions", conditions}};
}

Json Compose(const Sources& sources) {
  CheckSamePlan(sources);
  const journal::Position position = journal::Derive(sources.plan, sources.events, {});
  return {{"format", "switchback evidence"},
          {"version", kFormatVersion},
          {"built_at", base::FormatTime(sources.built_at)},
          {"built_by", {{"program", "switchback"}, {"version", sources.program_version}}},
          {"release", sources.declared},
          {"plan_digest", sources.plan.digest},
          {"digests", sources.digests},
          {"journal",
           {{"count", sources.events.size()}, {"head", sources.events.empty() ? "" : sources.events.back().hash}}},
          {"standing", Standing(sources, position)},
          {"rollout", Rollout(sources)},
          {"remediation", Remediation(sources)},
          {"rollback", RollbackConditions(sources, position)}};
}

}  // namespace evidence
