#include "run/others.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/time.h"
#include "journal/mirror.h"
#include "journal/position.h"

namespace run {
namespace {

// When the first step since it was opened last was begun.
std::optional<base::Time> BegunAt(std::span<const journal::Event> events) {
  std::optional<base::Time> begun;
  for (const journal::Event& event : events) {
    if (event.kind == "opened" || event.kind == "closed") begun.reset();
    if (event.kind == "intent" && !begun) begun = event.at;
  }
  return begun;
}

const journal::Event* LastOfSteps(std::span<const journal::Event> events) {
  const auto last = std::find_if(events.rbegin(), events.rend(), [](const journal::Event& event) {
    return event.kind == "outcome" || event.kind == "intent" || event.kind == "closed";
  });
  return last == events.rend() ? nullptr : &*last;
}

bool Stands(const base::Json& claims, std::span<const journal::Event> events) {
  if (journal::NothingDone(events)) return false;
  const journal::Event* last = LastOfSteps(events);
  if (last == nullptr || last->kind == "closed") return false;
  const bool complete = last->kind == "outcome" && last->body.value("direction", "") == "forward" &&
                        last->body.value("step", "") == claims.value("last", "");
  if (!complete) return true;
  const bool closed_window = std::ranges::any_of(
      events, [&](const journal::Event& e) { return e.kind == "window_closed" && e.at > last->at; });
  const std::chrono::milliseconds window(claims.value("window_ms", std::int64_t{0}));
  return !claims.value("purges", false) && !closed_window && base::Now() < last->at + window;
}

}  // namespace

std::vector<Other> FindOthers(pg::Connection& connection, const plan::Plan& plan, std::span<const journal::Event> all) {
  const journal::Counting counted(all);
  const std::span<const journal::Event> own = counted.events();
  std::vector<Other> others;
  if (!journal::SchemaCurrent(connection)) return others;
  const std::optional<base::Time> begun = journal::NothingDone(own) ? std::nullopt : BegunAt(own);
  for (const auto& [release, claims] : journal::ReadClaims(connection, plan.release)) {
    Other other{.release = release, .stands = "", .shares = {}, .later = false};
    other.shares = plan::Shared(plan.claims, plan::ClaimsFromJson(claims.value("tables", base::Json::array())));
    if (other.shares.empty()) continue;
    std::vector<journal::Event> mirrored;
    for (const std::string& line : journal::MirroredLines(connection, release))
      mirrored.push_back(journal::FromLine(line));
    const journal::Counting counting(mirrored);
    const std::span<const journal::Event> events = counting.events();
    if (!Stands(claims, events)) continue;
    const std::optional<base::Time> its = BegunAt(events);
    other.later = begun && its && *its > *begun;
    other.stands = fmt::format("step {} was its last", LastOfSteps(events)->body.value("step", ""));
    others.push_back(std::move(other));
  }
  return others;
}

std::string Text(const Other& other) {
  return fmt::format("release {} stands ({}), and changes or relies on {} too", other.release, other.stands,
                     fmt::join(other.shares, ", "));
}

}  // namespace run
