#include "evidence/facts.h"

#include <fmt/core.h>

#include <chrono>
#include <set>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "release/release.h"

namespace evidence {
namespace {

using base::Json;

// What the events before the verdict say.
struct Told {
  const Json* opened = nullptr;
  std::set<std::string> checkpoints;  // digests of the last one
  std::int64_t audited = 0;           // steps that were seen
  bool accepted = false;
  std::set<std::string> other_plans;  // of the environment before, that were accepted
};

Told Read(std::span<const journal::Event> before) {
  Told told;
  for (const journal::Event& event : before) {
    if (event.kind == "opened") told.opened = &event.body;
    if (event.kind == "checkpoint") told.checkpoints.clear();
    if (event.kind == "checkpoint" || event.kind == "proven") told.checkpoints.insert(event.body.value("digest", ""));
    if (event.kind == "audited") told.audited += static_cast<std::int64_t>(event.body.at("steps").size());
    if (event.kind == "accepted" && event.body.contains("step")) told.accepted = true;
    if (event.kind == "accepted") told.other_plans.insert(event.body.value("other_plan", ""));
  }
  return told;
}

std::optional<std::string> AgainstJournal(const Told& told, const journal::Event& verdict) {
  const Json& facts = verdict.body.at("facts");
  if (base::ParseTime(facts.at("now").get<std::string>()) > verdict.at) return "its time is after the line's own";
  if (const auto checkpoint = facts.find("checkpoint");
      checkpoint != facts.end() && !told.checkpoints.contains(checkpoint->at("digest").get<std::string>())) {
    return "its checkpoint is none that the journal speaks of before";
  }
  for (const auto& [fact, member] :
       {std::pair{"begun_digest", "plan"}, std::pair{"begun_system_identifier", "system_identifier"}}) {
    const std::string said = facts.value(fact, "");
    if (!said.empty() && (told.opened == nullptr || told.opened->value(member, "") != said)) {
      return fmt::format("{} is not what the release was opened with", fact);
    }
  }
  if (facts.contains("footprint") && facts.at("footprint").at("steps") > told.audited) {
    return "it counts more audited steps than the journal has";
  }
  if (facts.contains("point_of_no_return") && facts.at("point_of_no_return").at("accepted") == true && !told.accepted) {
    return "a point of no return counts as accepted, and nobody accepted one before";
  }
  if (const auto promotion = facts.find("promotion");
      promotion != facts.end() && promotion->at("accepted") == true &&
      !told.other_plans.contains(promotion->at("plan").get<std::string>())) {
    return "another environment's plan counts as accepted, and nobody accepted it before";
  }
  return std::nullopt;
}

std::optional<std::string> AgainstRelease(const Json& facts, const release::Release& release) {
  if (facts.contains("owner") && facts.at("owner") != release.owner) return "its owner is not release.yaml's";
  const auto window = release.rollback_window.value_or(std::chrono::milliseconds(0)).count();
  if (facts.contains("rollback_window_ms") && facts.at("rollback_window_ms") != window) {
    return "its rollback window is not release.yaml's";
  }
  if (!facts.contains("invariants")) return std::nullopt;
  const Json& invariants = facts.at("invariants");
  bool same = invariants.size() == release.invariants.size();
  for (std::size_t i = 0; same && i < invariants.size(); ++i) {
    same = invariants[i].at("name") == release.invariants[i].name;
  }
  return same ? std::nullopt : std::optional<std::string>("its invariants are not release.yaml's");
}

}  // namespace

std::optional<std::string> ContradictedFact(std::span<const journal::Event> before, const journal::Event& verdict,
                                            const std::string* release_yaml) {
  if (auto difference = AgainstJournal(Read(before), verdict)) return difference;
  const Json files = verdict.body.value("files", Json::object());
  if (release_yaml == nullptr || files.value("release.yaml", "") != "sha256:" + base::Sha256Hex(*release_yaml)) {
    return std::nullopt;
  }
  const Json& facts = verdict.body.at("facts");
  return AgainstRelease(facts, release::ReadDeclared(*release_yaml, facts.at("release")));
}

}  // namespace evidence
