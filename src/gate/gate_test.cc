#include "gate/gate.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <set>

#include "gate/checks.h"

namespace gate {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::HasSubstr;

constexpr std::array kPhases = {Phase::kExpand, Phase::kMigrate, Phase::kSwitch, Phase::kContract, Phase::kPurge};
const Policy kPolicy{hours(4)};

// Facts with which every gate says GO, before the first step.
Facts Good() {
  Facts facts;
  facts.now = base::ParseTime("2026-11-22T12:00:00.000000Z");
  facts.release = "20261122-names";
  facts.begun = false;
  facts.checkpoint = CheckpointFact{"sha256:c", "sha256:c", "sha256:p", "7361", facts.now - hours(1), true, ""};
  facts.blockers.emplace();
  facts.plan_digest = "sha256:p";
  facts.compiled_digest = "sha256:p";
  facts.system_identifier = "7361";
  facts.drift.emplace();
  facts.owner = "oncall@example.com";
  facts.rollback_window = hours(24);
  facts.point_of_no_return = PointOfNoReturnFact{};
  facts.invariants = {InvariantFact{"orders", "0", true, "0", ""}};
  facts.unconverted = UnconvertedFact{};
  facts.unfilled.emplace();
  facts.others.emplace();
  facts.stream = StreamFact{.has_slot = true};
  facts.fence = FenceFact{};
  facts.promotion = PromotionFact{.after = "staging", .reached = true, .plan = "sha256:p"};
  facts.footprint = FootprintFact{.steps = 3, .alarms = {}, .touching = {}, .not_evidenced = {}};
  facts.loss = LossFact{.transactions = 12,
                        .first = facts.now - minutes(9),
                        .last = facts.now - minutes(1),
                        .tables = {{"public.orders", 10, 2, 0, false}, {"public.log", 0, 0, 0, true}},
                        .applications = {"web"},
                        .restore_takes = milliseconds(4200)};
  return facts;
}

// The same within the run: some step is in the database, and the release cannot be compiled anew.
Facts GoodMidway() {
  Facts facts = Good();
  facts.begun = true;
  facts.compiled_digest.reset();
  facts.begun_digest = "sha256:p";
  facts.begun_system_identifier = "7361";
  facts.checkpoint->taken_at = facts.now - hours(40);
  return facts;
}

const Check* Find(const Verdict& verdict, const std::string& id) {
  for (const Check& check : verdict.checks) {
    if (check.id == id) return &check;
  }
  return nullptr;
}

struct State {
  std::string name;
  Result expected;
  std::function<void(Facts&)> set;
};
using States = std::vector<State>;

const States kCheckpoint = {
    {"good", Result::kPass, [](Facts&) {}},
    {"at the limit", Result::kPass, [](Facts& f) { f.checkpoint->taken_at = f.now - hours(4); }},
    {"clock a little ahead", Result::kPass, [](Facts& f) { f.checkpoint->taken_at = f.now + minutes(5); }},
    {"clock far ahead", Result::kStale, [](Facts& f) { f.checkpoint->taken_at = f.now + minutes(6); }},
    {"none", Result::kMissing, [](Facts& f) { f.checkpoint.reset(); }},
    {"of another plan", Result::kStale, [](Facts& f) { f.checkpoint->plan_digest = "sha256:q"; }},
    {"not the journal's", Result::kStale, [](Facts& f) { f.checkpoint->recorded_digest = "sha256:d"; }},
    {"of which the journal knows nothing", Result::kStale, [](Facts& f) { f.checkpoint->recorded_digest = ""; }},
    {"not asked whether it can be restored", Result::kMissing, [](Facts& f) { f.checkpoint->restorable.reset(); }},
    {"not restorable", Result::kFail, [](Facts& f) { f.checkpoint->restorable = false; }},
    {"not restorable and old", Result::kFail,
     [](Facts& f) {
       f.checkpoint->restorable = false;
       f.checkpoint->taken_at = f.now - hours(50);
     }},
};
const States kPlan = {
    {"good", Result::kPass, [](Facts&) {}},
    {"none", Result::kMissing, [](Facts& f) { f.plan_digest.reset(); }},
    {"not compared", Result::kMissing,
     [](Facts& f) {
       f.compiled_digest.reset();
       f.begun_digest.reset();
     }},
    {"not known whether blocked", Result::kMissing, [](Facts& f) { f.blockers.reset(); }},
    {"blocked", Result::kFail, [](Facts& f) { f.blockers->push_back("public.users: a view hangs on it"); }},
    {"compiles to another", Result::kStale, [](Facts& f) { f.compiled_digest = "sha256:q"; }},
    {"both agree", Result::kPass,
     [](Facts& f) {
       f.compiled_digest = "sha256:p";
       f.begun_digest = "sha256:p";
     }},
};
const States kTarget = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.system_identifier.reset(); }},
    {"another than the checkpoint's", Result::kStale, [](Facts& f) { f.checkpoint->system_identifier = "1"; }},
    {"another than the run's", Result::kStale, [](Facts& f) { f.begun_system_identifier = "1"; }},
    {"nothing to compare", Result::kMissing,
     [](Facts& f) {
       f.checkpoint.reset();
       f.begun_system_identifier.reset();
     }},
};
const States kObjects = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not compared", Result::kMissing, [](Facts& f) { f.drift.reset(); }},
    {"half done", Result::kSkipped,
     [](Facts& f) {
       f.drift.reset();
       f.half_done = "migrate.1";
     }},
    {"drifted", Result::kStale,
     [](Facts& f) { f.drift->push_back("public.users: column age is bigint, was integer"); }},
};
const States kOwner = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not read", Result::kMissing, [](Facts& f) { f.owner.reset(); }},
    {"window not read", Result::kMissing, [](Facts& f) { f.rollback_window.reset(); }},
    {"no owner", Result::kDecide, [](Facts& f) { f.owner = ""; }},
    {"no window", Result::kDecide, [](Facts& f) { f.rollback_window = milliseconds(0); }},
};
const States kReturn = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not known", Result::kMissing, [](Facts& f) { f.point_of_no_return.reset(); }},
    {"in purge", Result::kPass,
     [](Facts& f) {
       *f.point_of_no_return = {true, "purge.1", "purge", false};
     }},
    {"before purge", Result::kDecide,
     [](Facts& f) {
       *f.point_of_no_return = {true, "contract.2", "contract", false};
     }},
    {"accepted", Result::kPass,
     [](Facts& f) {
       *f.point_of_no_return = {true, "expand.1", "expand", true};
     }},
};
const States kInvariants = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.invariants.reset(); }},
    {"none declared", Result::kSkipped, [](Facts& f) { f.invariants->clear(); }},
    {"one broken", Result::kFail,
     [](Facts& f) {
       f.invariants->push_back({"totals", "0", false, "3", ""});
     }},
    {"one could not be asked", Result::kMissing,
     [](Facts& f) {
       f.invariants->push_back({"totals", "0", std::nullopt, "", "no such table"});
     }},
    {"one broken, one not asked", Result::kFail,
     [](Facts& f) {
       f.invariants->push_back({"a", "0", std::nullopt, "", "timeout"});
       f.invariants->push_back({"b", "0", false, "3", ""});
     }},
};
const States kUnconverted = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.unconverted.reset(); }},
    {"some", Result::kDecide,
     [](Facts& f) {
       *f.unconverted = {2, {"public.users id=7: not a number"}};
     }},
};
const States kOthers = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.others.reset(); }},
    {"some", Result::kFail, [](Facts& f) { *f.others = {"release names stands, and changes public.t.a too"}; }},
};
const States kUnfilled = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.unfilled.reset(); }},
    {"some", Result::kFail, [](Facts& f) { *f.unfilled = {"3 rows of public.users came beside the triggers"}; }},
};
const States kStream = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.stream.reset(); }},
    {"none", Result::kSkipped, [](Facts& f) { f.stream->has_slot = false; }},
    {"lost", Result::kSkipped, [](Facts& f) { f.stream->lost = "the server gave it up"; }},
    {"lost, with the archive", Result::kSkipped,
     [](Facts& f) { *f.stream = {.has_slot = true, .lost = "the server gave it up", .archive = true}; }},
    {"soon lost", Result::kDecide, [](Facts& f) { f.stream->soon_lost = "after another 10 MB"; }},
};
const States kFootprint = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.footprint.reset(); }},
    {"nothing seen", Result::kSkipped, [](Facts& f) { f.footprint->steps = 0; }},
    {"nothing to see by", Result::kSkipped,
     [](Facts& f) {
       f.footprint->steps = 0;
       f.stream->has_slot = false;
     }},
    {"not evidenced", Result::kSkipped, [](Facts& f) { f.footprint->not_evidenced = {"public.log has no key"}; }},
    {"unverified", Result::kDecide,
     [](Facts& f) {
       f.footprint->touching = {"2 transactions with a tag that does not verify"};
       f.footprint->not_evidenced = {"public.log has no key"};
     }},
    {"alarm", Result::kFail,
     [](Facts& f) {
       f.footprint->touching = {"2 transactions with a tag that does not verify"};
       f.footprint->alarms = {"migrate.1: public.audit: rows were inserted (2)"};
       f.footprint->not_evidenced = {"public.log has no key"};
     }},
};
const States kLoss = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.loss.reset(); }},
    {"nothing", Result::kPass, [](Facts& f) { *f.loss = {}; }},
    {"more than was counted", Result::kPass,
     [](Facts& f) {
       f.loss->at_least = true;
       f.loss->last.reset();
     }},
    {"from the log", Result::kPass,
     [](Facts& f) {
       f.loss->evidence = "pg_waldump";
       f.loss->note = "the slot is lost; counted to the end of the old server's log";
       f.loss->unnamed = 7;
     }},
    {"from a part of the log", Result::kSkipped,
     [](Facts& f) {
       *f.loss = {.evidence = "pg_waldump", .note = "the slot is lost; counted up to 0/5000000", .at_least = true};
     }},
    {"in part", Result::kSkipped, [](Facts& f) { f.loss->uncovered = {"public.log has no key"}; }},
    {"not evidenced", Result::kSkipped, [](Facts& f) { *f.loss = {.not_evidenced = "the slot is lost"}; }},
};
const States kFence = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not looked at", Result::kMissing, [](Facts& f) { f.fence.reset(); }},
    {"stands", Result::kFail, [](Facts& f) { f.fence->tables = 3; }},
    {"cut over", Result::kFail,
     [](Facts& f) {
       *f.fence = {3, "postgresql://new/shop"};
     }},
};
const States kPromotion = {
    {"good", Result::kPass, [](Facts&) {}},
    {"not asked", Result::kMissing, [](Facts& f) { f.promotion.reset(); }},
    {"none comes first", Result::kSkipped, [](Facts& f) { *f.promotion = {}; }},
    {"not evidenced", Result::kMissing,
     [](Facts& f) { *f.promotion = {.after = "staging", .unknown = "STAGING_URL is not set"}; }},
    {"not reached", Result::kMissing, [](Facts& f) { f.promotion->reached = false; }},
    {"taken back", Result::kDecide,
     [](Facts& f) {
       f.promotion->reached = false;
       f.promotion->taken_back = true;
     }},
    {"done again after it went back", Result::kPass, [](Facts& f) { f.promotion->taken_back = true; }},
    {"another plan", Result::kDecide, [](Facts& f) { f.promotion->differences = {"change.sql differs"}; }},
    {"another plan that was accepted", Result::kPass,
     [](Facts& f) {
       f.promotion->differences = {"change.sql differs"};
       f.promotion->accepted = true;
     }},
};
const std::map<std::string, States> kAll = {
    {"promotion", kPromotion},
    {"fence", kFence},
    {"loss", kLoss},
    {"stream", kStream},
    {"footprint", kFootprint},
    {"checkpoint", kCheckpoint},
    {"plan", kPlan},
    {"target", kTarget},
    {"objects", kObjects},
    {"owner", kOwner},
    {"invariants", kInvariants},
    {"point-of-no-return", kReturn},
    {"unconverted", kUnconverted},
    {"unfilled", kUnfilled},
    {"others", kOthers},
};

bool Asked(const std::string& id, Phase phase) {
  if (id == "unfilled") return phase >= Phase::kSwitch;
  return id != "unconverted" || phase >= Phase::kContract;
}

TEST(Gate, EachStateOfEachFactHasItsResultInEveryPhaseBeforeAndAfterTheFirstStep) {
  for (const Phase phase : kPhases) {
    for (const bool begun : {false, true}) {
      for (const auto& [id, states] : kAll) {
        for (const State& state : states) {
          Facts facts = begun ? GoodMidway() : Good();
          state.set(facts);
          const Verdict verdict = Decide(kPolicy, facts, phase);
          const Check* check = Find(verdict, id);
          ASSERT_EQ(check != nullptr, Asked(id, phase)) << id;
          if (check == nullptr) continue;
          EXPECT_EQ(Name(check->result), Name(state.expected))
              << id << " " << state.name << " " << Name(phase) << begun;
          EXPECT_FALSE(check->reason.empty());
          const bool fine = check->result == Result::kPass || check->result == Result::kSkipped;
          EXPECT_EQ(check->remedy.empty(), fine) << id << " " << state.name;
        }
      }
    }
  }
}

TEST(Gate, SaysWhatARestoreWouldLeaveBehind) {
  EXPECT_EQ(
      Find(Decide(kPolicy, Good(), Phase::kExpand), "loss")->reason,
      fmt::format("A restore to the checkpoint would leave behind 12 transactions of applications, from {} to {}: "
                  "public.orders 10 inserted, 2 updated; public.log truncated. Connected now: web. A restore took "
                  "4.2 s when it was measured.",
                  base::FormatTime(Good().now - minutes(9)), base::FormatTime(Good().now - minutes(1))));
}

// What the log tells is told with its limits.
TEST(Gate, SaysWhatTheAccountIsEvidencedByAndHowFar) {
  Facts facts = Good();
  *facts.loss = {.evidence = "pg_waldump", .note = "the slot is lost; counted up to 0/5000000", .at_least = true};
  EXPECT_EQ(Find(Decide(kPolicy, facts, Phase::kExpand), "loss")->reason,
            "What could be counted has no transaction of applications. Evidence: pg_waldump (the slot is lost; counted "
            "up to 0/5000000). How long a restore takes was not measured. Not evidenced: what was written after that.");
  facts.loss->transactions = 1;
  facts.loss->first = facts.loss->last = facts.now;
  facts.loss->unnamed = 2;
  EXPECT_THAT(Find(Decide(kPolicy, facts, Phase::kExpand), "loss")->reason,
              AllOf(HasSubstr("at least 1 transaction of"), HasSubstr("2 changes in tables rewritten or dropped")));

  facts.stream->lost = "the server gave it up";
  EXPECT_THAT(Find(Decide(kPolicy, facts, Phase::kExpand), "stream")->reason,
              AllOf(HasSubstr("cannot bring back"), HasSubstr("the server gave it up")));
  facts.stream->archive = true;
  EXPECT_THAT(Find(Decide(kPolicy, facts, Phase::kExpand), "stream")->reason,
              AllOf(HasSubstr("from the archive instead"), HasSubstr("not evidenced before")));
  EXPECT_TRUE(FactsFromJson(ToJson(facts)).stream->archive);
  EXPECT_EQ(FactsFromJson(ToJson(facts)).loss->note, facts.loss->note);
}

TEST(Gate, SaysWhereTheApplicationsOfAFencedServerMoveTo) {
  Facts facts = GoodMidway();
  *facts.fence = {3, "postgresql://new/shop"};
  const Verdict verdict = Decide(kPolicy, facts, Phase::kContract);
  EXPECT_EQ(verdict.exit, base::Exit::kNoGo);
  EXPECT_THAT(Find(verdict, "fence")->reason, HasSubstr("postgresql://new/shop"));
  EXPECT_THAT(Refusal(verdict).hint(), HasSubstr("switchback restore 20261122-names --lift-fence"));
}

TEST(Gate, SaysWhatToRunInTheEnvironmentThatComesFirst) {
  Facts facts = Good();
  facts.promotion->reached = false;
  EXPECT_THAT(Find(Decide(kPolicy, facts, Phase::kMigrate), "promotion")->remedy,
              HasSubstr("`switchback migrate --env staging 20261122-names`"));
  *facts.promotion = {
      .after = "staging", .reached = true, .differences = {"public.t: column a is bigint, was integer"}};
  const Verdict verdict = Decide(kPolicy, facts, Phase::kMigrate);
  EXPECT_EQ(verdict.exit, base::Exit::kHold);
  EXPECT_THAT(Find(verdict, "promotion")->reason, HasSubstr("column a is bigint"));
}

TEST(Gate, EveryCheckOfTheTableIsCovered) {
  std::set<std::string> ids;
  for (const CheckRow& row : CheckTable()) ids.insert(row.run(kPolicy, Good(), Phase::kPurge).id);
  std::set<std::string> covered;
  for (const auto& [id, states] : kAll) covered.insert(id);
  EXPECT_EQ(ids, covered);
  EXPECT_EQ(ids.size(), CheckTable().size());
}

TEST(Gate, AgeCountsOnlyBeforeTheFirstStep) {
  for (const Phase phase : kPhases) {
    for (const std::optional<bool> begun : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
      Facts facts = Good();
      facts.begun = begun;
      facts.checkpoint->taken_at = facts.now - hours(4) - milliseconds(1);
      const bool counts = phase == Phase::kExpand && !begun.value_or(false);
      EXPECT_EQ(Find(Decide(kPolicy, facts, phase), "checkpoint")->result, counts ? Result::kStale : Result::kPass);
    }
  }
}

TEST(Gate, ThePlanOfARunCannotChangeUnderIt) {
  Facts facts = GoodMidway();
  facts.begun_digest = "sha256:q";
  EXPECT_EQ(Find(Decide(kPolicy, facts, Phase::kMigrate), "plan")->result, Result::kStale);
  // After an undo to the start nothing stands in the database, and another plan may be run.
  facts.begun = false;
  facts.compiled_digest = "sha256:p";
  EXPECT_EQ(Find(Decide(kPolicy, facts, Phase::kExpand), "plan")->result, Result::kPass);
  facts.compiled_digest.reset();
  EXPECT_EQ(Find(Decide(kPolicy, facts, Phase::kExpand), "plan")->result, Result::kMissing);
  facts.compiled_digest = "sha256:p";
  facts.begun.reset();
  EXPECT_EQ(Find(Decide(kPolicy, facts, Phase::kExpand), "plan")->result, Result::kStale);
}

// What the decision must be, from the results alone.
std::pair<Decision, base::Exit> Expected(const std::multiset<Result>& results) {
  if (results.contains(Result::kFail)) return {Decision::kNoGo, base::Exit::kNoGo};
  if (results.contains(Result::kStale)) return {Decision::kNoGo, base::Exit::kStale};
  if (results.contains(Result::kMissing) || results.contains(Result::kDecide))
    return {Decision::kHold, base::Exit::kHold};
  return {Decision::kGo, base::Exit::kDone};
}

TEST(Gate, AllCombinationsOfFactStatesDecideByTheWorstCheck) {
  // The fact groups that share no fact, so that each combination's results are known beforehand.
  const std::vector<States> groups = {kCheckpoint, kObjects, kOwner, kReturn, kInvariants};
  std::vector<std::size_t> pick(groups.size(), 0);
  std::size_t combinations = 0;
  while (true) {
    Facts facts = Good();
    std::multiset<Result> results;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups[i][pick[i]].set(facts);
      results.insert(groups[i][pick[i]].expected);
    }
    const Verdict verdict = Decide(kPolicy, facts, Phase::kExpand);
    // Without a checkpoint the target has nothing to be compared with.
    if (!facts.checkpoint) results.insert(Result::kMissing);
    ASSERT_EQ(std::pair(verdict.decision, verdict.exit), Expected(results));
    ASSERT_EQ(verdict.decision == Decision::kGo, verdict.InTheWay().empty());
    ++combinations;
    std::size_t digit = 0;
    while (digit < pick.size() && ++pick[digit] == groups[digit].size()) pick[digit++] = 0;
    if (digit == pick.size()) break;
  }
  EXPECT_EQ(combinations, 11U * 4U * 5U * 5U * 6U);
}

TEST(Gate, NothingKnownIsNeverGo) {
  for (const Phase phase : kPhases) {
    const Verdict verdict = Decide(kPolicy, Facts{}, phase);
    EXPECT_EQ(verdict.decision, Decision::kHold);
    for (const Check& check : verdict.checks) EXPECT_EQ(check.result, Result::kMissing) << check.id;
  }
}

TEST(Gate, FactsSurviveTheirJsonForm) {
  for (const auto& [id, states] : kAll) {
    for (const State& state : states) {
      for (Facts facts : {Good(), GoodMidway(), Facts{}}) {
        if (facts.checkpoint) state.set(facts);
        const base::Json json = ToJson(facts);
        EXPECT_EQ(ToJson(FactsFromJson(base::ParseJson(base::Canonical(json), "facts"))), json);
      }
    }
  }
  EXPECT_FALSE(FactsFromJson(ToJson(Facts{})).checkpoint.has_value());
  EXPECT_FALSE(FactsFromJson(ToJson(Facts{})).invariants.has_value());
  EXPECT_THROW(FactsFromJson(base::Json{{"now", 1}}), base::Error);
}

TEST(Gate, ARecordIsDecidedAgainFromItsFactsAlone) {
  Facts facts = Good();
  facts.invariants->push_back({"totals", "0", false, "3", ""});
  const base::Json record = Record(kPolicy, facts, Decide(kPolicy, facts, Phase::kExpand));
  EXPECT_EQ(Replay(record), std::nullopt);

  base::Json greener = record;
  greener["verdict"]["decision"] = "GO";
  EXPECT_EQ(Replay(greener), "NO_GO follows from the recorded facts, and GO was recorded");
  base::Json other_facts = record;
  other_facts["facts"]["owner"] = "someone else";
  EXPECT_THAT(Replay(other_facts).value_or(""), HasSubstr("not with the recorded reasons or digests"));
  base::Json other_rules = record;
  other_rules["rules"] = 99;
  EXPECT_THAT(Replay(other_rules).value_or(""), HasSubstr("version 99"));
  EXPECT_THROW(Replay(base::Json::object()), base::Error);
}

TEST(Gate, RefusalCarriesTheExitCodeTheReasonsAndTheFirstRemedy) {
  Facts facts = Good();
  facts.owner = "";
  const base::Error hold = Refusal(Decide(kPolicy, facts, Phase::kExpand));
  EXPECT_EQ(hold.exit(), base::Exit::kHold);
  EXPECT_THAT(hold.hint(), HasSubstr("`owner`"));
  facts.drift->push_back("public.users: column age is bigint, was integer");
  const base::Error stale = Refusal(Decide(kPolicy, facts, Phase::kExpand));
  EXPECT_EQ(stale.exit(), base::Exit::kStale);
  EXPECT_THAT(stale.detail(), testing::AllOf(HasSubstr("objects: "), HasSubstr("column age"), HasSubstr("owner: ")));
  facts.checkpoint->restorable = false;
  EXPECT_EQ(Refusal(Decide(kPolicy, facts, Phase::kExpand)).exit(), base::Exit::kNoGo);
}

}  // namespace
}  // namespace gate
