#include "rollout/promotion.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/error.h"
#include "catalog/catalog.h"
#include "journal/mirror.h"
#include "rollout/plan_file.h"
#include "run/look.h"

namespace rollout {
namespace {

// The plan that was begun there; nothing: it is not kept any more.
std::optional<plan::Plan> PlanThere(pg::Connection& connection, const OpenRelease& open,
                                    const journal::Journal& journal, const std::string& began) {
  if (open.plan().digest == began) return open.plan();
  std::optional<plan::Plan> plan = FindPlan(open.release(), journal, &connection);
  return plan && plan->digest == began ? std::move(plan) : std::nullopt;
}

std::vector<std::string> Differences(OpenRelease& open, const journal::Event& opened,
                                     const std::optional<plan::Plan>& there) {
  if (there && there->digest == open.plan().digest) return {};
  std::vector<std::string> sentences;
  const base::Json files = opened.body.value("files", base::Json::object());
  for (const auto& [file, digest] : open.session().files) {
    if (files.contains(file) && files.at(file) != digest) sentences.push_back(fmt::format("{} is another text", file));
  }
  if (there) {
    for (std::string& sentence : catalog::Differences(there->touched, open.plan().touched)) {
      sentences.push_back(std::move(sentence));
    }
  }
  if (sentences.empty()) sentences.push_back(fmt::format("{} there", opened.body.value("plan", "")));
  return sentences;
}

bool WentBack(const journal::Journal& journal, const journal::Event& opened) {
  return std::ranges::any_of(journal.events(), [&](const journal::Event& event) {
    return event.seq > opened.seq && event.kind == "outcome" && event.body.value("direction", "") == "reverse";
  });
}

bool WasAccepted(const journal::Journal& journal, const std::string& plan, const std::string& other) {
  return std::ranges::any_of(journal.events(), [&](const journal::Event& event) {
    return event.kind == "accepted" && event.body.value("plan", "") == plan &&
           event.body.value("other_plan", "") == other;
  });
}

void LookThere(pg::Connection& connection, OpenRelease& open, plan::Phase phase, gate::PromotionFact& fact) {
  if (!journal::SchemaInstalled(connection)) return;
  const std::string& name = open.release().name;
  const journal::Journal journal = run::OpenJournal(connection, name, open.before()->project.StateOf(name));
  const journal::Event* opened = journal.Last("opened");
  if (opened == nullptr) return;
  if (const std::string whose = opened->body.value("environment", fact.after); whose != fact.after) {
    fact.unknown = fmt::format("what its database has is of {}", whose);
    return;
  }
  fact.plan = opened->body.value("plan", "");
  const std::optional<plan::Plan> there = PlanThere(connection, open, journal, fact.plan);
  fact.differences = Differences(open, *opened, there);
  fact.accepted = WasAccepted(open.journal(), open.plan().digest, fact.plan);
  fact.taken_back = WentBack(journal, *opened);
  if (const journal::Event* closed = journal::Closed(journal.events())) {
    fact.reached = closed->body.value("ended", "") == "complete";
  } else if (there) {
    fact.reached =
        run::WhereItStands(connection, *there, journal).done >= there->EndOf(phase) && there->EndOf(phase) > 0;
  }
}

gate::PromotionFact Look(OpenRelease& open, plan::Phase phase) {
  if (!open.before()) return {};
  const release::Environment& environment = open.before()->project.environment;
  gate::PromotionFact fact{.after = environment.name};
  if (!open.before()->target) {
    fact.unknown = environment.database_env.empty() ? "it has no `database_env` in switchback.yaml"
                                                    : fmt::format("{} is not set", environment.database_env);
    return fact;
  }
  try {
    pg::Connection connection = Connect(*open.before()->target, environment);
    LookThere(connection, open, phase, fact);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    fact = {.after = environment.name, .unknown = error.message()};
  }
  return fact;
}

}  // namespace

gate::PromotionFact Promotion(OpenRelease& open, gate::Phase phase) {
  return Look(open, plan::ParsePhase(std::string(gate::Name(phase))));
}

void AcceptOtherPlan(OpenRelease& open) {
  const gate::PromotionFact fact = Look(open, plan::Phase::kExpand);
  if (fact.differences.empty() || fact.accepted) return;
  open.journal().Append("accepted", {{"plan", open.plan().digest}, {"other_plan", fact.plan}});
}

}  // namespace rollout
