#include "gate/gate.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "base/digest.h"
#include "gate/checks.h"

namespace gate {
namespace {

using base::Json;

// Changes whenever Decide may answer something else to the same facts.
constexpr int kRulesVersion = 6;

constexpr std::array kPhaseNames = {
    std::pair{Phase::kExpand, std::string_view("expand")}, std::pair{Phase::kMigrate, std::string_view("migrate")},
    std::pair{Phase::kSwitch, std::string_view("switch")}, std::pair{Phase::kContract, std::string_view("contract")},
    std::pair{Phase::kPurge, std::string_view("purge")},
};

// What stands in the way, in the order in which it decides.
constexpr std::array kDeciding = {Result::kFail, Result::kStale, Result::kMissing, Result::kDecide};

std::string DigestOf(const Json& json) { return "sha256:" + base::Sha256Hex(base::Canonical(json)); }

bool Has(const std::vector<Check>& checks, Result result) {
  for (const Check& check : checks) {
    if (check.result == result) return true;
  }
  return false;
}

void Conclude(Verdict& verdict) {
  if (Has(verdict.checks, Result::kFail)) {
    verdict.decision = Decision::kNoGo;
    verdict.exit = base::Exit::kNoGo;
  } else if (Has(verdict.checks, Result::kStale)) {
    verdict.decision = Decision::kNoGo;
    verdict.exit = base::Exit::kStale;
  } else if (Has(verdict.checks, Result::kMissing) || Has(verdict.checks, Result::kDecide)) {
    verdict.decision = Decision::kHold;
    verdict.exit = base::Exit::kHold;
  } else {
    verdict.decision = Decision::kGo;
    verdict.exit = base::Exit::kDone;
  }
}

std::string Line(const Check& check) {
  return fmt::format("{:<8} {:<18} {}{}{}", Name(check.result), check.id, check.reason, check.remedy.empty() ? "" : " ",
                     check.remedy);
}

}  // namespace

std::string_view Name(Phase phase) {
  for (const auto& [known, name] : kPhaseNames) {
    if (known == phase) return name;
  }
  throw base::Error(base::Code::kInternal, "a phase without a name");
}

Phase ParsePhase(std::string_view name) {
  std::string names;
  for (const auto& [phase, known] : kPhaseNames) {
    if (known == name) return phase;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known);
  }
  throw base::Error(base::Code::kUsage, fmt::format("there is no gate before phase \"{}\"", name))
      .Hint("The phases are " + names + ".");
}

std::string_view Name(Result result) {
  switch (result) {
    case Result::kPass:
      return "pass";
    case Result::kFail:
      return "fail";
    case Result::kStale:
      return "stale";
    case Result::kMissing:
      return "missing";
    case Result::kDecide:
      return "decide";
    case Result::kSkipped:
      return "skipped";
  }
  throw base::Error(base::Code::kInternal, "a result without a name");
}

std::string_view Name(Decision decision) {
  switch (decision) {
    case Decision::kGo:
      return "GO";
    case Decision::kNoGo:
      return "NO_GO";
    case Decision::kHold:
      return "HOLD";
  }
  throw base::Error(base::Code::kInternal, "a decision without a name");
}

std::vector<const Check*> Verdict::InTheWay() const {
  std::vector<const Check*> found;
  for (const Result result : kDeciding) {
    for (const Check& check : checks) {
      if (check.result == result) found.push_back(&check);
    }
  }
  return found;
}

Verdict Decide(const Policy& policy, const Facts& known, Phase phase) {
  // What is decided upon is what a record can carry, so that it can be decided again: times lose what is below a
  // microsecond.
  const Json recorded = ToJson(known);
  const Facts facts = FactsFromJson(recorded);
  Verdict verdict;
  verdict.phase = phase;
  verdict.at = facts.now;
  verdict.facts_digest = DigestOf(recorded);
  verdict.policy_digest = DigestOf(ToJson(policy));
  for (const CheckRow& row : CheckTable()) {
    if (phase >= row.from) verdict.checks.push_back(row.run(policy, facts, phase));
  }
  Conclude(verdict);
  return verdict;
}

Json ToJson(const Verdict& verdict) {
  Json checks = Json::array();
  for (const Check& check : verdict.checks) {
    checks.push_back(
        {{"id", check.id}, {"result", Name(check.result)}, {"reason", check.reason}, {"remedy", check.remedy}});
  }
  return {{"phase", Name(verdict.phase)},
          {"decision", Name(verdict.decision)},
          {"exit", static_cast<int>(verdict.exit)},
          {"at", base::FormatTime(verdict.at)},
          {"facts_digest", verdict.facts_digest},
          {"policy_digest", verdict.policy_digest},
          {"checks", checks}};
}

std::string Text(const Verdict& verdict) {
  std::string text = fmt::format("{} for {}", Name(verdict.decision), Name(verdict.phase));
  for (const Check& check : verdict.checks) text += "\n  " + Line(check);
  return text;
}

Json Record(const Policy& policy, const Facts& facts, const Verdict& verdict) {
  return {{"rules", kRulesVersion},
          {"phase", Name(verdict.phase)},
          {"policy", ToJson(policy)},
          {"facts", ToJson(facts)},
          {"verdict", ToJson(verdict)}};
}

std::optional<std::string> Replay(const Json& record) {
  try {
    if (const int rules = record.at("rules").get<int>(); rules != kRulesVersion) {
      return fmt::format("it was decided by version {} of the rules; this program has version {}", rules,
                         kRulesVersion);
    }
    const Verdict verdict = Decide(PolicyFromJson(record.at("policy")), FactsFromJson(record.at("facts")),
                                   ParsePhase(record.at("phase").get<std::string>()));
    const Json& recorded = record.at("verdict");
    if (const Json derived = ToJson(verdict); derived != recorded) {
      const std::string said = recorded.at("decision").get<std::string>();
      return said == Name(verdict.decision)
                 ? fmt::format("{} follows from the recorded facts, but not with the recorded reasons or digests", said)
                 : fmt::format("{} follows from the recorded facts, and {} was recorded", Name(verdict.decision), said);
    }
    return std::nullopt;
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "cannot understand the record of a verdict").Detail(error.what());
  }
}

base::Error Refusal(const Verdict& verdict) {
  base::Code code = base::Code::kGateHold;
  if (verdict.exit == base::Exit::kNoGo) code = base::Code::kGateNoGo;
  if (verdict.exit == base::Exit::kStale) code = base::Code::kGateStale;
  base::Error error(code, fmt::format("the gate of {} says {}", Name(verdict.phase), Name(verdict.decision)));
  const std::vector<const Check*> checks = verdict.InTheWay();
  std::string detail;
  for (const Check* check : checks) {
    detail += fmt::format("{}{}: {}", detail.empty() ? "" : "\n", check->id, check->reason);
  }
  error.Detail(detail);
  if (!checks.empty() && !checks.front()->remedy.empty()) error.Hint(checks.front()->remedy);
  return error;
}

}  // namespace gate
