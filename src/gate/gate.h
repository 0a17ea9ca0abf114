#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/exit.h"
#include "base/json.h"
#include "gate/facts.h"

namespace gate {

// The phases that a gate stands before.
enum class Phase { kExpand, kMigrate, kSwitch, kContract, kPurge };
std::string_view Name(Phase phase);  // "expand"
// Throws kUsage with the names there are.
Phase ParsePhase(std::string_view name);

enum class Result {
  kPass,
  kFail,     // found, and not good
  kStale,    // found, but old, or about something else than what is there now
  kMissing,  // not found out
  kDecide,   // a person must decide
  kSkipped,  // the release does not ask for it, or it is not evidenced: neither good nor bad
};
std::string_view Name(Result result);  // "pass", "fail", "stale", "missing", "decide", "skipped"

struct Check {
  std::string id;  // "checkpoint"
  Result result = Result::kMissing;
  std::string reason;  // a sentence: what was found
  std::string remedy;  // a sentence; empty where there is nothing to do
};

enum class Decision { kGo, kNoGo, kHold };
std::string_view Name(Decision decision);  // "GO", "NO_GO", "HOLD"

// A failed check makes NO_GO (exit 10); without one, a stale check makes NO_GO (exit 12); without one, a missing check
// or one that a person must decide makes HOLD (exit 11); else it is GO.
struct Verdict {
  Phase phase = Phase::kExpand;
  Decision decision = Decision::kHold;
  base::Exit exit = base::Exit::kHold;
  base::Time at;             // Facts::now
  std::string facts_digest;  // "sha256:<hex>" over the canonical JSON of the facts
  std::string policy_digest;
  std::vector<Check> checks;  // all of the phase, in the order of the table

  // Those that stand in the way, the deciding ones first.
  [[nodiscard]] std::vector<const Check*> InTheWay() const;
};

// Pure.
Verdict Decide(const Policy& policy, const Facts& facts, Phase phase);

base::Json ToJson(const Verdict& verdict);
// Several lines for people: the verdict, then a line for each check, without a trailing newline.
std::string Text(const Verdict& verdict);

// The body of the journal's `verdict` event: {rules, phase, policy, facts, verdict}. All that Decide needs stands in
// it.
base::Json Record(const Policy& policy, const Facts& facts, const Verdict& verdict);
// Decides again what such a record decided, and says how the recorded verdict differs, a sentence; nothing: it is the
// same. Throws kBadJson. Records of another version of the rules are not decided again: that is said as a difference.
std::optional<std::string> Replay(const base::Json& record);

// What a command throws that must not go on without GO: kGateNoGo, kGateHold or kGateStale.
base::Error Refusal(const Verdict& verdict);

}  // namespace gate
