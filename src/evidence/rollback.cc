#include "evidence/rollback.h"

#include <fmt/core.h>

#include <chrono>
#include <optional>

#include "evidence/runs.h"

namespace evidence {
namespace {

using base::Json;
using journal::Event;

Json Way(const char* name, const char* prepared, std::string why) {
  return {
      {"way", name}, {"prepared", prepared}, {"why", std::move(why)}, {"proven_at", nullptr}, {"measured_ms", nullptr}};
}

// A hook that release.yaml declares, and that nothing has run yet.
Json HookWay(const char* name, bool declared, const char* what) {
  if (!declared) return Way(name, "not configured", fmt::format("release.yaml declares no {}.", what));
  return Way(name, "no", fmt::format("release.yaml declares a {}, and it was never tried.", what));
}

bool DeclaresCodeRollback(const Json& declared) {
  for (const Json& application : declared.at("applications")) {
    if (application.at("code_rollback").get<bool>()) return true;
  }
  return false;
}

void ProveByWalk(Json& way, const Sources& sources, const std::string& name) {
  for (const Json& taken : WaysTaken(sources.events)) {
    if (taken.at("way") != name || !taken.value("complete", true)) continue;
    way["proven_at"] = taken.contains("ended_at") ? taken.at("ended_at") : taken.at("at");
    way["measured_ms"] = taken.value("measured_ms", Json());
  }
}

Json UndoWay(const Sources& sources, const journal::Position& position) {
  const std::optional<std::size_t> point = sources.plan.PointOfNoReturn();
  const bool passed = point && position.done > *point;
  Json way =
      passed ? Way("undo", "no", fmt::format("Step {} is done and has no way back.", sources.plan.steps[*point].id))
      : position.done == 0 && !position.in_flight ? Way("undo", "yes", "Nothing is done: there is nothing to undo.")
                                                  : Way("undo", "yes", "Every step that is done has its reverse.");
  ProveByWalk(way, sources, "undo");
  return way;
}

const Event* LastOf(const Sources& sources, std::string_view kind) {
  const Event* last = nullptr;
  for (const Event& event : sources.events) {
    if (event.kind == kind) last = &event;
  }
  return last;
}

Json RestoreWay(const Sources& sources) {
  const Event* taken = LastOf(sources, "checkpoint");
  if (taken == nullptr || !sources.checkpoint) return Way("restore", "no", "There is no checkpoint.");
  Json way = Way("restore", "yes", "A checkpoint was taken, and its WAL is archived.");
  for (const Event& event : sources.events) {
    if (event.seq < taken->seq || !ProvesRestore(event)) continue;
    way["proven_at"] = base::FormatTime(event.at);
    way["measured_ms"] = RestoreTime(event);
  }
  return way;
}

// The window opens when the new version may be deployed: migrate is complete, or switch, where there is one. It opens
// anew when that is so once more.
Json Window(const Sources& sources) {
  const Json& length = sources.declared.at("rollback_window_ms");
  Json window = {{"length_ms", length}, {"opened_at", nullptr}, {"closes_at", nullptr}};
  const std::size_t end = sources.plan.EndOf(plan::Phase::kSwitch);
  if (end == 0) return window;
  const std::string& last_step = sources.plan.steps[end - 1].id;
  for (const Run& run : RunsOf(SinceOpened(sources.events))) {
    if (run.step != last_step || run.Result() != "done") continue;
    window["opened_at"] = run.forward ? Json(base::FormatTime(run.end->at)) : Json();
    window["closes_at"] =
        run.forward && length.is_number()
            ? Json(base::FormatTime(run.end->at + std::chrono::milliseconds(length.get<std::int64_t>())))
            : Json();
  }
  return window;
}

Json PointOfNoReturn(const Sources& sources, const journal::Position& position) {
  const std::optional<std::size_t> point = sources.plan.PointOfNoReturn();
  if (!point) return nullptr;
  const plan::Step& step = sources.plan.steps[*point];
  return {{"step", step.id},
          {"phase", plan::Name(step.phase)},
          {"passed", position.done > *point},
          {"accepted", LastOf(sources, "accepted") != nullptr}};
}

}  // namespace

Json RollbackConditions(const Sources& sources, const journal::Position& position) {
  return {{"owner", sources.declared.at("owner")},
          {"window", Window(sources)},
          {"point_of_no_return", PointOfNoReturn(sources, position)},
          {"ways",
           {HookWay("flag off", !sources.declared.at("flags").empty(), "flag"),
            HookWay("code rollback", DeclaresCodeRollback(sources.declared), "code_rollback"),
            UndoWay(sources, position), RestoreWay(sources)}},
          {"conditions", sources.declared.at("rollback_conditions")}};
}

}  // namespace evidence
