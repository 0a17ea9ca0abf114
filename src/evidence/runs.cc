#include "evidence/runs.h"

#include <chrono>
#include <optional>

#include "base/time.h"

namespace evidence {
namespace {

using base::Json;
using journal::Event;

std::int64_t MillisecondsBetween(const Event& from, const Event& to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(to.at - from.at).count();
}

Json UndoWalk(std::span<const Run> walk) {
  const Run& first = walk.front();
  const Run& last = walk.back();
  bool complete = true;
  Json steps = Json::array();
  for (const Run& run : walk) {
    complete = complete && run.end != nullptr;
    steps.push_back(run.step);
  }
  complete = complete && last.Result() == "done";
  Json json = {{"way", "undo"},
               {"seq", first.intent->seq},
               {"at", base::FormatTime(first.intent->at)},
               {"steps", steps},
               {"complete", complete}};
  if (last.end != nullptr) {
    json["ended_at"] = base::FormatTime(last.end->at);
    json["measured_ms"] = MillisecondsBetween(*first.intent, *last.end);
  }
  return json;
}

}  // namespace

Json Entry(const Event& event) {
  Json json = event.body.is_object() ? event.body : Json{{"body", event.body}};
  json["seq"] = event.seq;
  json["at"] = base::FormatTime(event.at);
  return json;
}

std::string TextAt(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object.at(key).is_string()) return "";
  return object.at(key).get<std::string>();
}

std::string Run::Result() const {
  if (end == nullptr) return "unfinished";
  return end->kind == "outcome" ? "done" : "failed";
}

std::vector<Run> RunsOf(std::span<const Event> events) {
  std::vector<Run> runs;
  for (const Event& event : events) {
    const std::string step = TextAt(event.body, "step");
    const bool forward = TextAt(event.body, "direction") != "reverse";
    if (event.kind == "intent") {
      runs.push_back({step, forward, &event, nullptr});
    } else if (event.kind == "outcome" || event.kind == "failed") {
      Run* run = runs.empty() ? nullptr : &runs.back();
      // A step that failed can still turn out to have been done: its outcome is found by the next command.
      const bool open = run != nullptr && (run->end == nullptr || run->end->kind == "failed");
      if (open && run->step == step && run->forward == forward) run->end = &event;
    }
  }
  return runs;
}

Json ToJson(const Run& run) {
  Json json = run.end == nullptr ? Json::object() : Entry(*run.end);
  for (const char* key : {"step", "direction", "seq", "at"}) json.erase(key);
  json["intent"] = run.intent->seq;
  json["began_at"] = base::FormatTime(run.intent->at);
  json["result"] = run.Result();
  if (run.end != nullptr) {
    json["end"] = run.end->seq;
    json["ended_at"] = base::FormatTime(run.end->at);
  }
  return json;
}

std::span<const Event> SinceOpened(std::span<const Event> events) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind == "opened") from = i;
  }
  return events.subspan(from);
}

bool ProvesRestore(const Event& event) {
  if (event.kind == "proven") return true;
  if (event.kind != "restored") return false;
  const Json verification = event.body.value("verification", Json::object());
  return TextAt(verification, "schema") == "equal" && TextAt(verification, "contents") != "different";
}

Json RestoreTime(const Event& event) {
  if (event.body.contains("took_ms")) return event.body.at("took_ms");
  Json total;
  for (const char* part : {"copy_ms", "recover_ms", "verify_ms"}) {
    const Json value = event.body.value(part, Json());
    if (value.is_number_integer())
      total = value.get<std::int64_t>() + (total.is_null() ? 0 : total.get<std::int64_t>());
  }
  return total;
}

Json WaysTaken(std::span<const Event> events) {
  Json ways = Json::array();
  std::vector<Run> walk;
  const auto end_walk = [&ways, &walk] {
    if (!walk.empty()) ways.push_back(UndoWalk(walk));
    walk.clear();
  };
  for (const Run& run : RunsOf(events)) {
    if (run.forward) {
      end_walk();
    } else {
      walk.push_back(run);
    }
  }
  end_walk();
  for (const Event& event : events) {
    if (event.kind != "restored") continue;
    Json way = Entry(event);
    way["way"] = "restore";
    way["complete"] = ProvesRestore(event);
    way["measured_ms"] = RestoreTime(event);
    ways.push_back(way);
  }
  return ways;
}

}  // namespace evidence
