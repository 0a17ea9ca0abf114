#include "gate/checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace gate {
namespace {

using std::chrono::milliseconds;

// The checkpoint carries the time of the database server, the gate that of this machine.
constexpr std::chrono::minutes kClockTolerance{5};
constexpr std::size_t kListed = 5;

std::string Listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kListed; ++i) text += (i == 0 ? "" : "; ") + items[i];
  if (items.size() > kListed) text += fmt::format("; and {} more", items.size() - kListed);
  return text;
}

Check Pass(std::string id, std::string reason) { return {std::move(id), Result::kPass, std::move(reason), ""}; }

Check CheckpointCheck(const Policy& policy, const Facts& facts, Phase phase) {
  const std::string id = "checkpoint";
  const std::string remedy = fmt::format("Run `switchback checkpoint {}`.", facts.release);
  if (!facts.checkpoint) return {id, Result::kMissing, "There is no checkpoint to go back to.", remedy};
  const CheckpointFact& checkpoint = *facts.checkpoint;
  if (!facts.plan_digest) {
    return {id, Result::kMissing, "It is not known which plan the checkpoint ought to belong to.",
            fmt::format("Run `switchback plan {}`.", facts.release)};
  }
  if (checkpoint.recorded_digest != checkpoint.digest) {
    return {id, Result::kStale,
            checkpoint.recorded_digest.empty() ? "The journal knows of no checkpoint."
                                               : "The checkpoint is not the one that the journal speaks of last.",
            facts.begun.value_or(true)
                ? "Bring back the checkpoint.json that the journal speaks of, or go back to the start first."
                : remedy};
  }
  if (checkpoint.plan_digest != *facts.plan_digest) {
    return {id, Result::kStale, "The checkpoint was taken for another plan.", remedy};
  }
  if (!checkpoint.restorable) {
    return {id, Result::kMissing,
            fmt::format("It is not known whether the checkpoint can be restored: {}.", checkpoint.not_restorable),
            remedy};
  }
  if (!*checkpoint.restorable) {
    return {id, Result::kFail, fmt::format("The checkpoint cannot be restored: {}.", checkpoint.not_restorable),
            "Bring back what is missing, and see what the backup tool retains. " + remedy};
  }
  const auto age = std::chrono::duration_cast<milliseconds>(facts.now - checkpoint.taken_at);
  if (age < -kClockTolerance) {
    return {id, Result::kStale, "The checkpoint lies in the future: a clock is wrong.",
            "Set the clocks of this machine and of the database server right. " + remedy};
  }
  const std::string how_old = base::FormatDuration(std::max(age, milliseconds{0}));
  const bool first_step = phase == Phase::kExpand && !facts.begun.value_or(false);
  if (first_step && age > policy.checkpoint_max_age) {
    return {id, Result::kStale,
            fmt::format("The checkpoint is {} old; the policy allows {}.", how_old,
                        base::FormatDuration(policy.checkpoint_max_age)),
            remedy};
  }
  return Pass(id, fmt::format("The checkpoint is {} old; its backup and its WAL are there.", how_old));
}

Check PlanCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "plan";
  const std::string remedy = fmt::format("Run `switchback plan {}`, and read what changed.", facts.release);
  if (!facts.plan_digest) return {id, Result::kMissing, "There is no plan.lock.json.", remedy};
  if (!facts.blockers) return {id, Result::kMissing, "It is not known whether the plan is blocked.", remedy};
  if (!facts.blockers->empty()) {
    return {id, Result::kFail, "The plan is blocked: " + Listed(*facts.blockers) + ".",
            fmt::format("Run `switchback plan {}`: it says what to do about each.", facts.release)};
  }
  const bool as_opened = facts.begun_digest && *facts.begun_digest == *facts.plan_digest;
  if (facts.begun_digest && !as_opened && facts.begun.value_or(true)) {
    return {id, Result::kStale, "The run was opened with another plan than plan.lock.json holds now.",
            "Bring back the plan.lock.json with which it was opened, or go back to the start first."};
  }
  if (facts.compiled_digest && *facts.compiled_digest != *facts.plan_digest) {
    return {id, Result::kStale, "The release compiles to another plan than plan.lock.json holds.", remedy};
  }
  if (facts.compiled_digest) return Pass(id, "The plan is what the release compiles to.");
  if (as_opened) return Pass(id, "The plan is the one with which the run was opened.");
  return {id, Result::kMissing, "The plan was not compared with the release.", remedy};
}

Check TargetCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "target";
  const std::string remedy = "See that --database, DATABASE_URL or switchback.yaml names the intended server.";
  if (!facts.system_identifier) {
    return {id, Result::kMissing, "The database was not asked for its system identifier.", remedy};
  }
  if (!facts.begun_system_identifier && !facts.checkpoint) {
    return {id, Result::kMissing, "There is no checkpoint or run to compare the database with.",
            fmt::format("Run `switchback checkpoint {}`.", facts.release)};
  }
  for (const std::string& known : {facts.begun_system_identifier.value_or(*facts.system_identifier),
                                   facts.checkpoint ? facts.checkpoint->system_identifier : *facts.system_identifier}) {
    if (known != *facts.system_identifier) {
      return {id, Result::kStale,
              fmt::format("This is another database cluster: its system identifier is {}, not {}.",
                          *facts.system_identifier, known),
              remedy};
    }
  }
  return Pass(id, fmt::format("The database cluster is the expected one ({}).", *facts.system_identifier));
}

Check ObjectsCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "objects";
  if (facts.half_done) {
    return {id, Result::kSkipped,
            fmt::format("Step {} is half done: the objects are compared again when it ends.", *facts.half_done), ""};
  }
  if (!facts.drift) {
    return {id, Result::kMissing, "The touched objects were not compared with the plan.",
            "See that the database answers."};
  }
  if (!facts.drift->empty()) {
    return {
        id, Result::kStale, "The touched objects changed: " + Listed(*facts.drift) + ".",
        facts.begun.value_or(true)
            ? "Take the change back that was made beside switchback."
            : fmt::format("Take the change back, or run `switchback plan {}` for what is there now.", facts.release)};
  }
  return Pass(id, "The touched objects are as they were left.");
}

// Of two releases that have the same in hand, the one that stands keeps its way back.
Check OthersCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "others";
  if (!facts.others) {
    return {id, Result::kMissing, "It is not known whether another release stands in the way.",
            "See that the database answers."};
  }
  if (facts.others->empty()) return Pass(id, "No other release that stands is in the way.");
  return {id, Result::kFail,
          fmt::format("To {} would take away the way back of another release: {}.",
                      facts.begun.value_or(false) ? "go on" : "begin", Listed(*facts.others)),
          "Bring that release to its end (`switchback contract`, `purge`), or take it back (`switchback rollback`); "
          "where it is complete, `switchback close` ends it. Then plan this one again."};
}

Check OwnerCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "owner";
  if (!facts.owner || !facts.rollback_window) {
    return {id, Result::kMissing, "The release was not read.", "See that release.yaml can be read."};
  }
  if (facts.owner->empty()) {
    return {id, Result::kDecide, "Nobody owns the way back.", "Name an `owner` in release.yaml."};
  }
  if (*facts.rollback_window <= milliseconds{0}) {
    return {id, Result::kDecide, "There is no rollback window.", "Give a `rollback_window` in release.yaml."};
  }
  return Pass(id, fmt::format("{} owns the way back; the rollback window is {}.", *facts.owner,
                              base::FormatDuration(*facts.rollback_window)));
}

Check ReturnCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "point-of-no-return";
  if (!facts.point_of_no_return) {
    return {id, Result::kMissing, "It is not known whether the plan has a point of no return.",
            fmt::format("Run `switchback plan {}`.", facts.release)};
  }
  const PointOfNoReturnFact& point = *facts.point_of_no_return;
  if (!point.exists) return Pass(id, "Every step has a way back.");
  if (point.phase == Name(Phase::kPurge)) {
    return Pass(id, fmt::format("Every step before purge has a way back; {} has none.", point.step));
  }
  if (!point.accepted) {
    return {id, Result::kDecide,
            fmt::format("Step {} (phase {}) has no way back, and nobody accepted that.", point.step, point.phase),
            "Give the statement a `down` in release.yaml, or run with --accept-point-of-no-return."};
  }
  return Pass(id, fmt::format("Step {} (phase {}) has no way back; that was accepted.", point.step, point.phase));
}

Check InvariantsCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "invariants";
  if (!facts.invariants) {
    return {id, Result::kMissing, "The invariants were not asked.", "See that the database answers."};
  }
  if (facts.invariants->empty()) {
    return {id, Result::kSkipped, "The release declares no invariant: nothing was checked.", ""};
  }
  std::vector<std::string> broken;
  std::vector<std::string> unasked;
  for (const InvariantFact& invariant : *facts.invariants) {
    if (!invariant.holds) {
      unasked.push_back(fmt::format("\"{}\": {}", invariant.name, invariant.error));
    } else if (!*invariant.holds) {
      broken.push_back(fmt::format("\"{}\" is {}, expected {}", invariant.name, invariant.found, invariant.expected));
    }
  }
  if (!broken.empty()) {
    return {id, Result::kFail, "Invariants do not hold: " + Listed(broken) + ".",
            fmt::format("See `switchback diagnose {}`.", facts.release)};
  }
  if (!unasked.empty()) {
    return {id, Result::kMissing, "Invariants could not be asked: " + Listed(unasked) + ".",
            "Correct their SQL in release.yaml, or what keeps them from running."};
  }
  return Pass(id, fmt::format("All {} invariants hold.", facts.invariants->size()));
}

Check UnconvertedCheck(const Policy&, const Facts& facts, Phase phase) {
  const std::string id = "unconverted";
  if (!facts.unconverted) {
    return {id, Result::kMissing, "It is not known whether rows are unconverted.", "See that the database answers."};
  }
  if (facts.unconverted->count != 0) {
    const std::string rows = facts.unconverted->rows.empty() ? "" : ": " + Listed(facts.unconverted->rows);
    return {id, Result::kDecide,
            fmt::format("{} rows could not be converted, and {} would take away their old value{}.",
                        facts.unconverted->count, Name(phase), rows),
            "Give these rows an old value that converts, or a new one."};
  }
  return Pass(id, "No row is unconverted.");
}

Check UnfilledCheck(const Policy&, const Facts& facts, Phase phase) {
  const std::string id = "unfilled";
  if (!facts.unfilled) {
    return {id, Result::kMissing, "The rows themselves were not asked whether they are filled.",
            "See that the database answers, and that the role sees all rows."};
  }
  if (facts.unfilled->empty()) return Pass(id, "No row came beside the triggers.");
  return {id, Result::kFail, fmt::format("{} would leave rows behind: {}.", Name(phase), Listed(*facts.unfilled)),
          fmt::format("Run `switchback migrate {}`: it fills them.", facts.release)};
}

Check StreamCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "stream";
  if (!facts.stream) {
    return {id, Result::kMissing, "It is not known how the logical slot stands.", "See that the database answers."};
  }
  const StreamFact& stream = *facts.stream;
  if (const std::string why = stream.has_slot ? stream.lost : "the checkpoint has no logical slot"; !why.empty()) {
    return {id, Result::kSkipped,
            stream.archive
                ? fmt::format("What applications write is not in a slot: {}. A restore reads it from the "
                              "archive instead; that it can is not evidenced before.",
                              why)
                : fmt::format("Not evidenced: a restore cannot bring back what applications write: {}.", why),
            ""};
  }
  if (!stream.soon_lost.empty()) {
    return {id, Result::kDecide, fmt::format("What a restore needs is about to be lost: {}.", stream.soon_lost),
            "Raise max_slot_wal_keep_size and reload the server, and end transactions that are open for long."};
  }
  return Pass(id, "The slot keeps what applications write.");
}

Check FootprintCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "footprint";
  if (!facts.footprint) {
    return {id, Result::kMissing, "It was not looked at what the release wrote.", "See that the database answers."};
  }
  const FootprintFact& footprint = *facts.footprint;
  if (!footprint.alarms.empty()) {
    return {id, Result::kFail, fmt::format("Alarms: {}.", Listed(footprint.alarms)),
            fmt::format("See `switchback status {}`; go back, or, where all is as it should be, run with "
                        "--accept-alarms.",
                        facts.release)};
  }
  if (!footprint.touching.empty()) {
    return {
        id, Result::kDecide, fmt::format("{}.", Listed(footprint.touching)),
        fmt::format("Find out who wrote them: they count as the applications'. Where that is as it should be, go on "
                    "with `switchback run {} --accept-alarms`.",
                    facts.release)};
  }
  if (!footprint.not_evidenced.empty()) {
    return {id, Result::kSkipped, fmt::format("Not evidenced: {}.", Listed(footprint.not_evidenced)), ""};
  }
  if (footprint.steps == 0 && facts.stream && !facts.stream->has_slot) {
    return {id, Result::kSkipped, "Not evidenced: without a logical slot nobody sees what the steps write.", ""};
  }
  if (footprint.steps == 0) return {id, Result::kSkipped, "No step was seen yet.", ""};
  return Pass(id, fmt::format("The {} steps that were seen wrote what they declare.", footprint.steps));
}

std::string LossOf(const LossFact::Table& table) {
  std::string text = table.name;
  for (const auto& [rows, what] :
       {std::pair{table.inserted, "inserted"}, {table.updated, "updated"}, {table.deleted, "deleted"}}) {
    if (rows > 0) text += fmt::format("{} {} {}", text.size() > table.name.size() ? "," : "", rows, what);
  }
  return text + (table.truncated ? " truncated" : "");
}

std::string Counted(const LossFact& loss) {
  if (!loss.first && loss.at_least) return "What could be counted has no transaction of applications.";
  if (!loss.first) return "A restore to the checkpoint would leave behind no transaction of applications.";
  std::vector<std::string> tables;
  for (const LossFact::Table& table : loss.tables) tables.push_back(LossOf(table));
  if (loss.unnamed > 0) tables.push_back(fmt::format("{} changes in tables rewritten or dropped since", loss.unnamed));
  std::string text = fmt::format(
      "A restore to the checkpoint would leave behind {}{} transaction{} of applications, from {} {}: {}.",
      loss.at_least ? "at least " : "", loss.transactions, loss.transactions == 1 ? "" : "s",
      base::FormatTime(*loss.first), loss.last ? "to " + base::FormatTime(*loss.last) : "on", Listed(tables));
  if (!loss.applications.empty()) text += fmt::format(" Connected now: {}.", Listed(loss.applications));
  return text;
}

// Never a reason to stop: what a restore costs is for whoever goes on to know.
Check LossCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "loss";
  if (!facts.loss) {
    return {id, Result::kMissing, "It was not counted what a restore would leave behind.",
            "See that the database answers."};
  }
  const LossFact& loss = *facts.loss;
  const std::string takes = loss.restore_takes ? fmt::format(" A restore took {} when it was measured.",
                                                             base::FormatDuration(*loss.restore_takes))
                                               : " How long a restore takes was not measured.";
  if (!loss.not_evidenced.empty()) {
    return {id, Result::kSkipped,
            fmt::format("Not evidenced what a restore would leave behind: {}.{}", loss.not_evidenced, takes), ""};
  }
  std::string text = Counted(loss);
  if (!loss.note.empty()) text += fmt::format(" Evidence: {} ({}).", loss.evidence, loss.note);
  const bool beyond = loss.at_least && !loss.note.empty();
  if (loss.uncovered.empty() && !beyond) return Pass(id, text + takes);
  std::vector<std::string> open = loss.uncovered;
  if (beyond) open.emplace_back("what was written after that");
  return {id, Result::kSkipped, fmt::format("{}{} Not evidenced: {}.", text, takes, Listed(open)), ""};
}

// A server that its applications leave is not changed any more.
Check FenceCheck(const Policy&, const Facts& facts, Phase) {
  const std::string id = "fence";
  if (!facts.fence) {
    return {id, Result::kMissing, "It is not known whether the fence of a cut-over stands.",
            "See that the database answers."};
  }
  if (facts.fence->tables == 0) return Pass(id, "No fence of a cut-over stands.");
  const std::string read_only = fmt::format("{} tables are read-only", facts.fence->tables);
  return {id, Result::kFail,
          facts.fence->new_server.empty()
              ? read_only + ": the fence of a cut-over stands."
              : fmt::format("{}: their applications move to {}.", read_only, facts.fence->new_server),
          fmt::format("Where applications are to stay on this server, and did not write to the new one, `switchback "
                      "restore {} --lift-fence` lets them write again.",
                      facts.release)};
}

// What another environment has not seen is not for this one.
Check PromotionCheck(const Policy&, const Facts& facts, Phase phase) {
  const std::string id = "promotion";
  if (!facts.promotion) {
    return {id, Result::kMissing, "It is not known whether the release passes another environment first.",
            "See that switchback.yaml can be read."};
  }
  const PromotionFact& promotion = *facts.promotion;
  const std::string& after = promotion.after;
  if (after.empty()) return {id, Result::kSkipped, "No other environment comes first.", ""};
  if (!promotion.unknown.empty()) {
    return {id, Result::kMissing, fmt::format("Nothing is evidenced of {}: {}.", after, promotion.unknown),
            fmt::format("The database of {} says it: set the variable that its `database_env` names.", after)};
  }
  const std::string there = fmt::format("`switchback {} --env {} {}`", Name(phase), after, facts.release);
  if (!promotion.reached && promotion.taken_back) {
    return {id, Result::kDecide,
            fmt::format("In {} it was taken back, and {} does not stand there.", after, Name(phase)),
            fmt::format("Find out why. Then {} does it there again.", there)};
  }
  if (!promotion.reached) {
    return {id, Result::kMissing, fmt::format("In {}, {} is not done.", after, Name(phase)),
            fmt::format("Do it there first: {}.", there)};
  }
  if (promotion.differences.empty()) {
    return Pass(id, fmt::format("In {}, {} is done with this very plan.", after, Name(phase)));
  }
  const std::string differs =
      fmt::format("In {}, {} is done with another plan: {}.", after, Name(phase), Listed(promotion.differences));
  if (promotion.accepted) return Pass(id, differs + " That was accepted.");
  return {id, Result::kDecide, differs,
          fmt::format("Make the two alike, or, where the difference is meant, go on with `switchback {} {} "
                      "--accept-other-plan`.",
                      Name(phase), facts.release)};
}

constexpr std::array kTable = {
    CheckRow{Phase::kExpand, CheckpointCheck},    CheckRow{Phase::kExpand, PlanCheck},
    CheckRow{Phase::kExpand, TargetCheck},        CheckRow{Phase::kExpand, ObjectsCheck},
    CheckRow{Phase::kExpand, OthersCheck},        CheckRow{Phase::kExpand, OwnerCheck},
    CheckRow{Phase::kExpand, ReturnCheck},        CheckRow{Phase::kExpand, InvariantsCheck},
    CheckRow{Phase::kContract, UnconvertedCheck}, CheckRow{Phase::kSwitch, UnfilledCheck},
    CheckRow{Phase::kExpand, StreamCheck},        CheckRow{Phase::kExpand, FootprintCheck},
    CheckRow{Phase::kExpand, LossCheck},          CheckRow{Phase::kExpand, FenceCheck},
    CheckRow{Phase::kExpand, PromotionCheck},
};

}  // namespace

std::span<const CheckRow> CheckTable() { return kTable; }

}  // namespace gate
