#include "recover/advice.h"

#include <fmt/core.h>

#include <algorithm>

#include "recover/text_at.h"

namespace recover {
namespace {

using Actions = std::vector<Diagnosis::Action>;

bool InvariantBroken(const Diagnosis& found) {
  if (!found.invariants) return false;
  return std::any_of(found.invariants->begin(), found.invariants->end(),
                     [](const proof::InvariantResult& invariant) { return invariant.holds == false; });
}

bool SomethingDone(const Diagnosis& found) {
  return std::any_of(found.steps.begin(), found.steps.end(), [](const Diagnosis::StepState& step) {
    return step.state == "done" || step.state == "half done" || step.state == "not known";
  });
}

// The first step without a way back, where the release may have passed it.
const plan::Step* Passed(const Diagnosis& found, const plan::Plan* plan) {
  if (plan == nullptr) return nullptr;
  const auto point = plan->PointOfNoReturn();
  if (!point || *point >= found.steps.size()) return nullptr;
  const std::string& state = found.steps[*point].state;
  return state == "not begun" || state == "rolled back" ? nullptr : &plan->steps[*point];
}

void AddUndo(Actions& actions, const Diagnosis& found, const Case& subject) {
  if (!SomethingDone(found)) return;
  if (const plan::Step* passed = Passed(found, subject.plan)) {
    actions.push_back({"", fmt::format("Undo is closed below step {}: it has no way back.", passed->id)});
    return;
  }
  const bool data =
      subject.plan != nullptr && std::any_of(subject.plan->steps.begin(), subject.plan->steps.end(),
                                             [](const plan::Step& step) { return step.kind == plan::StepKind::kData; });
  actions.push_back({fmt::format("switchback rollback {} --to start --way undo", found.release),
                     data
                         ? "Takes the steps back, and puts back the rows that the release changed; rows that an "
                           "application changed since are listed and left alone."
                         : "Takes the steps back; what the applications wrote stays. It does not repair rows that were "
                           "written wrong."});
}

void AddRestore(Actions& actions, const Diagnosis& found) {
  if (!found.restore_point) {
    actions.push_back({"", "There is no checkpoint: nothing can be restored by switchback."});
    return;
  }
  const std::string took = found.restore_ms
                               ? fmt::format(" It took {} the last time.",
                                             base::FormatDuration(std::chrono::milliseconds(*found.restore_ms)))
                               : "";
  actions.push_back(
      {fmt::format("switchback restore {}", found.release),
       fmt::format("Makes a new server beside this one, as of restore point {}, and names what it leaves behind.{}",
                   found.restore_point->name, found.proven_at.empty() ? " It was never tried." : took)});
}

void AddTrouble(Actions& actions, const Diagnosis& found) {
  if (!found.trouble) return;
  const Diagnosis::Trouble& trouble = *found.trouble;
  const std::string code = TextAt(trouble.error, "code");
  if (!code.empty())
    actions.push_back({"switchback explain " + code, "Says what the error means and what to do about it."});
  if (trouble.direction == journal::Direction::kReverse) {
    actions.push_back(
        {fmt::format("switchback rollback {}", found.release), "Goes on with the way back where it stopped."});
  } else {
    actions.push_back({fmt::format("switchback {} {}", plan::Name(trouble.phase), found.release),
                       "Goes on where it stopped, once the cause is gone; the step is safe to run again."});
  }
}

}  // namespace

Actions Advise(const Diagnosis& found, const Case& subject) {
  Actions actions;
  if (!found.asked_database) {
    actions.push_back({fmt::format("switchback diagnose {}", found.release),
                       "Again, when the database answers: the journal alone does not know what committed."});
  }
  if (found.drift && !found.drift->empty()) {
    actions.push_back(
        {"", "Take back the change that was made beside switchback; until then the release goes no further."});
  }
  AddTrouble(actions, found);
  if (found.rewound && !SomethingDone(found)) {
    actions.push_back({fmt::format("switchback checkpoint {}", found.release),
                       fmt::format("A new one, on this server; then `switchback run {0}` begins at the start again. Or "
                                   "`switchback close {0}` ends the release.",
                                   found.release)});
  }
  if (found.unconverted.count > 0) {
    actions.push_back(
        {"", fmt::format("Correct the {} rows that could not be converted, or their transform: the way back "
                         "is closed for them.",
                         found.unconverted.count)});
  }
  if (found.trouble || InvariantBroken(found) || !found.asked_database) {
    AddUndo(actions, found, subject);
    AddRestore(actions, found);
  }
  if (actions.empty() && !found.invalid_indexes.empty()) {
    actions.push_back({"", "Drop the invalid indexes that no step of the release will build again."});
  }
  if (actions.empty()) {
    actions.push_back(
        {fmt::format("switchback status {}", found.release),
         found.Healthy() ? "Nothing was found that is wrong." : "Look into what could not be found out."});
  }
  return actions;
}

}  // namespace recover
