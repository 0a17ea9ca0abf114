#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/file.h"
#include "evidence/package.h"
#include "gate/gate.h"
#include "journal/event.h"
#include "plan/plan.h"
#include "release/release.h"

// A release with a history, for the tests of this room.
namespace evidence::story {

inline base::Time At(int seconds) {
  return base::ParseTime("2026-11-22T12:00:00.000000Z") + std::chrono::seconds(seconds);
}

inline plan::Plan Plan() {
  plan::Plan plan;
  plan.release = "20261122-names";
  plan.title = "Names";
  plan.hex = "0a1b2c3d";
  const auto add = [&plan](const char* id, plan::Phase phase, bool reversible) {
    plan::Step step;
    step.id = id;
    step.phase = phase;
    step.title = std::string("do ") + id;
    step.forward = {{"SELECT 1"}};
    if (!reversible) step.reverse.reset();
    plan.steps.push_back(step);
  };
  add("expand.1", plan::Phase::kExpand, true);
  add("migrate.1", plan::Phase::kMigrate, true);
  add("contract.1", plan::Phase::kContract, true);
  add("purge.1", plan::Phase::kPurge, false);
  plan.touched = base::Json::object();
  plan.observed = {{"server_version", 150020}};
  plan.digest = plan::DigestOf(plan);
  return plan;
}

inline release::Release Release() {
  release::Release release;
  release.name = "20261122-names";
  release.title = "Names";
  release.owner = "oncall@example.com";
  release.rollback_window = std::chrono::hours(24);
  release.invariants = {{"orders", "select count(*) from orders", 0}};
  release.rollback_conditions = {{"errors", "", "rate(x[5m])", 0.01, "2m", "undo"}};
  release.applications["web"].before = {"1.8.2", ""};
  return release;
}

// Appends events, each a second after the one before, with a chain that holds.
class Teller {
 public:
  Teller& Tell(std::string kind, base::Json body) {
    journal::Event event;
    event.seq = static_cast<std::int64_t>(events.size()) + 1;
    event.at = At(static_cast<int>(event.seq));
    event.kind = std::move(kind);
    event.body = std::move(body);
    event.prev = events.empty() ? std::string(64, '0') : events.back().hash;
    event.hash = journal::HashOf(event);
    events.push_back(event);
    return *this;
  }
  Teller& Begin(const char* step, const char* direction) {
    return Tell("intent", {{"step", step}, {"direction", direction}, {"token", 1}});
  }
  Teller& Step(const char* step, const char* direction) {
    return Begin(step, direction)
        .Tell("outcome",
              {{"step", step},
               {"direction", direction},
               {"duration_ms", 12},
               {"rows", 0},
               {"locks",
                {{{"relation", "public.users"}, {"mode", "ACCESS EXCLUSIVE"}, {"wait_ms", 1}, {"hold_ms", 7}}}}});
  }
  std::vector<journal::Event> events;
};

inline base::Json Checkpoint(bool proven) {
  base::Json json = {{"version", 1},
                     {"restore_point", "sb_20261122"},
                     {"proof", proven ? base::Json{{"copy_ms", 4000}} : base::Json()}};
  json["digest"] = "sha256:" + base::Sha256Hex(base::Canonical(json));
  return json;
}

inline gate::Facts Facts() {
  gate::Facts facts;
  facts.now = At(0);
  facts.release = "20261122-names";
  facts.begun = false;
  facts.checkpoint = gate::CheckpointFact{
      Checkpoint(false).at("digest"), Checkpoint(false).at("digest"), "sha256:p", "7361", At(-60), true};
  facts.blockers.emplace();
  facts.plan_digest = "sha256:p";
  facts.compiled_digest = "sha256:p";
  facts.system_identifier = "7361";
  facts.drift.emplace();
  facts.others.emplace();
  facts.owner = "oncall@example.com";
  facts.rollback_window = std::chrono::hours(24);
  facts.point_of_no_return = gate::PointOfNoReturnFact{};
  facts.stream = gate::StreamFact{.has_slot = true};
  facts.footprint = gate::FootprintFact{.steps = 0, .alarms = {}, .touching = {}, .not_evidenced = {}};
  facts.fence = gate::FenceFact{};
  facts.promotion = gate::PromotionFact{};
  facts.loss = gate::LossFact{.transactions = 2,
                              .first = At(-20),
                              .last = At(-10),
                              .tables = {{"public.users", 1, 1, 0, false}},
                              .applications = {"web"}};
  facts.invariants.emplace();
  facts.invariants->push_back({.name = "orders", .expected = "0", .holds = true, .found = "0"});
  return facts;
}

inline base::Json Verdict(const gate::Facts& facts) {
  const gate::Policy policy{std::chrono::hours(4)};
  return gate::Record(policy, facts, gate::Decide(policy, facts, gate::Phase::kExpand));
}

// Refused once, forward to migrate with a failure and a crash on the way, back to the start, and forward again.
inline std::vector<journal::Event> Events() {
  gate::Facts refused = Facts();
  refused.owner = "";
  Teller teller;
  teller.Tell("checkpoint", {{"digest", Checkpoint(false).at("digest")}, {"restore_point", "sb_20261122"}})
      .Tell("proven",
            {{"digest", Checkpoint(true).at("digest")}, {"copy_ms", 4000}, {"recover_ms", 150}, {"verify_ms", 50}})
      .Tell("verdict", Verdict(refused))
      .Tell("verdict", Verdict(Facts()))
      .Tell("opened", {{"plan", Plan().digest}, {"system_identifier", "7361"}})
      .Tell("lease", {{"token", 1}})
      .Begin("expand.1", "forward")
      .Tell("failed", {{"step", "expand.1"},
                       {"direction", "forward"},
                       {"error", {{"code", "SB3104"}, {"message", "no"}, {"detail", "relation \"x\" is gone"}}}})
      .Tell("note", {{"text", "the table came back | see <b>ticket</b>"}, {"by", {{"user", "someone"}}}})
      .Step("expand.1", "forward")
      .Begin("migrate.1", "forward")
      .Tell("lease", {{"token", 2}})
      .Step("migrate.1", "forward")
      .Step("migrate.1", "reverse")
      .Step("expand.1", "reverse")
      .Tell("kept", {{"step", "expand.1"}, {"rows", {{{"table", "public.users"}, {"key", "7"}}}}})
      .Step("expand.1", "forward")
      .Step("migrate.1", "forward");
  return teller.events;
}

// release.yaml as the release's author would have written it.
inline std::string Yaml(const release::Release& release) {
  base::Json yaml = {{"version", 1}, {"title", release.title}, {"owner", release.owner}, {"change", "change.sql"}};
  if (release.rollback_window) yaml["rollback_window"] = std::to_string(release.rollback_window->count()) + "ms";
  for (const auto& [name, body] : release.flags) yaml["flags"][name] = {{"off", {{"run", {"true"}}}}};
  for (const auto& [name, application] : release.applications) {
    yaml["applications"][name] = {{"before", {{"version", application.before->version}}}};
    if (!application.code_rollback.is_null()) yaml["applications"][name]["code_rollback"] = application.code_rollback;
  }
  for (const auto& each : release.invariants) {
    yaml["invariants"].push_back({{"name", each.name}, {"sql", each.sql}, {"expect", each.expect}});
  }
  for (const auto& each : release.rollback_conditions) {
    yaml["rollback_conditions"].push_back({{"name", each.name},
                                           {"prometheus", each.prometheus},
                                           {"max", "0.01"},
                                           {"for", each.duration},
                                           {"then", each.then}});
  }
  return yaml.dump() + "\n";
}

struct Inputs {
  const release::Release* release = nullptr;
  std::string environment;
  std::string plan_text;
  std::vector<journal::Event> events;
  std::optional<std::string> checkpoint_text;
  base::Time built_at;
  std::string program_version;
};

struct Package {
  release::Release release = Release();
  Inputs inputs;
  Package() {
    inputs.release = &release;
    inputs.environment = "production";
    inputs.plan_text = plan::ToJson(Plan()).dump(2) + "\n";
    inputs.events = Events();
    inputs.checkpoint_text = Checkpoint(true).dump(2);
    inputs.built_at = At(3600);
    inputs.program_version = "0.1.0";
  }
  Package(const Package&) = delete;
  Package& operator=(const Package&) = delete;
};

// As `evidence build` does: the journal says first what it is built of.
inline std::filesystem::path Build(const std::filesystem::path& state, const Inputs& inputs) {
  evidence::Inputs given{
      .release = inputs.release->name,
      .files = {{kReleaseFile, Yaml(*inputs.release)}, {kChangeFile, "SELECT 1;\n"}, {kPlanFile, inputs.plan_text}},
      .environment = inputs.environment,
      .program_version = inputs.program_version,
      .events = {}};
  if (inputs.checkpoint_text) given.files[kCheckpointFile] = *inputs.checkpoint_text;
  Teller teller{inputs.events};
  teller.Tell("inputs", InputsBody(given));
  teller.events.back().at = inputs.built_at;
  teller.events.back().hash = journal::HashOf(teller.events.back());
  given.events = teller.events;
  return evidence::Build(state, given);
}

// A directory that is removed at the end.
class Directory {
 public:
  Directory() : path_(std::filesystem::temp_directory_path() / ("switchback-evidence-" + base::RandomHex(6))) {
    base::MakeDirectories(path_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace evidence::story
