#include "plan/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "plan/model.h"
#include "plan/sync.h"

namespace plan {
namespace {

// A new column that has to be kept in step with an old one or, without one, to be filled.
struct Kept {
  pg::QualifiedName table;
  std::string made;                     // what it is called where it is made
  std::optional<std::string> old = {};  // what the old one is called before the release
};

std::vector<Kept> KeptColumns(const Plan& plan) {
  std::vector<Kept> kept;
  for (const Pair& pair : plan.pairs) {
    if (!pair.new_name.empty()) kept.push_back({pair.table, StageBeforeSwitch(pair).new_physical, pair.old_name});
  }
  for (const Step& step : plan.steps) {
    if (!step.backfill) continue;
    const bool known = std::any_of(kept.begin(), kept.end(), [&](const Kept& k) {
      return k.table == step.backfill->table && k.made == step.backfill->column;
    });
    if (!known) kept.push_back({step.backfill->table, step.backfill->column});
  }
  return kept;
}

class Walker {
 public:
  Walker(const Plan& plan, const base::Json& described, bool data)
      : plan_(plan), described_(described), data_(data), kept_(KeptColumns(plan)) {}

  std::set<std::string> Broken() {
    Model model(plan_, described_, data_);
    for (const Kept& kept : kept_) {
      if (kept.old && model.tables().contains(kept.table))
        old_.push_back(model.tables().at(kept.table).columns.at(*kept.old).id);
      else
        old_.push_back(0);
    }
    const std::size_t turn = plan_.PointOfNoReturn().value_or(plan_.steps.size());
    Forward(model, 0, turn);
    const Model end = model;
    Forward(model, turn, plan_.steps.size());
    model = end;
    for (std::size_t i = turn; i > 0; --i) {
      model.Run(plan_.steps[i - 1], false);
      Look(model, i - 1);
      Model again = model;
      Forward(again, i - 1, turn);
      if (const std::string difference = again.Difference(end); !difference.empty()) {
        broken_.insert(fmt::format("forward again from {}, where a way back stopped, comes to another end:\n{}",
                                   plan_.steps[i - 1].id, difference));
      }
    }
    return std::move(broken_);
  }

 private:
  void Forward(Model& model, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      model.Run(plan_.steps[i], true);
      Look(model, i + 1);
    }
  }

  // Between two steps, `done` of which are done.
  void Look(Model& model, std::size_t done) {
    for (std::string& problem : model.TakeProblems()) broken_.insert(std::move(problem));
    for (std::size_t i = 0; i < kept_.size(); ++i) LookAt(model, kept_[i], old_[i], done);
  }

  void LookAt(const Model& model, const Kept& kept, int old, std::size_t done) {
    const std::optional<int> made = model.Made(kept.table, kept.made);
    const std::optional<std::string> name = made ? model.NameOf(kept.table, *made) : std::nullopt;
    if (!name || name->starts_with(fmt::format("sbr_{}_", plan_.hex))) return;
    std::vector<std::string> sides = {*name};
    if (kept.old) {
      const std::optional<std::string> other = model.NameOf(kept.table, old);
      if (!other) return;  // purged
      sides.push_back(*other);
    } else if (done > 0 && plan_.steps[done - 1].phase >= Phase::kContract) {
      return;
    }
    for (const char* event : {"INSERT", "UPDATE"}) {
      const std::vector<std::string> functions = model.Functions(kept.table, event);
      const bool carried = std::any_of(functions.begin(), functions.end(), [&](const std::string& function) {
        return std::all_of(sides.begin(), sides.end(),
                           [&](const std::string& side) { return GivesValue(function, side); });
      });
      if (carried) continue;
      broken_.insert(fmt::format("{} after {}: applications can write {}.{}, and no trigger on {} keeps {} in step",
                                 plan_.release, done == 0 ? "the start" : plan_.steps[done - 1].id, kept.table.Text(),
                                 *name, event, fmt::join(sides, " and ")));
    }
  }

  const Plan& plan_;
  const base::Json& described_;
  bool data_;
  std::vector<Kept> kept_;
  std::vector<int> old_;
  std::set<std::string> broken_;
};

}  // namespace

std::vector<std::string> BrokenRules(const Plan& plan, const base::Json& described) {
  std::set<std::string> broken;
  for (const bool data : {true, false}) broken.merge(Walker(plan, described, data).Broken());
  return {broken.begin(), broken.end()};
}

}  // namespace plan
