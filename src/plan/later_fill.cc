#include "plan/later_fill.h"

#include <fmt/format.h>

#include <algorithm>

namespace plan {
namespace {

const Pair* PairOf(const Plan& plan, const Backfill& backfill) {
  const auto pair = std::find_if(plan.pairs.begin(), plan.pairs.end(), [&](const Pair& p) {
    return p.table == backfill.table && !p.OneWay() && StageBeforeSwitch(p).new_physical == backfill.column;
  });
  return pair == plan.pairs.end() ? nullptr : &*pair;
}

LaterFill At(const Pair& pair, const Stage& stage, const Backfill& planned) {
  LaterFill later{planned, {stage.old_physical, stage.new_physical}};
  const std::string column = "t." + pg::Ident(stage.new_physical);
  later.backfill.column = stage.new_physical;
  later.backfill.value = Up(pair, stage, "t.", Guard::kTry);
  // The old column follows the new one by then: where they differ it has nothing to give.
  later.backfill.pending = stage.new_wins ? fmt::format("({} IS NULL AND {} IS NOT NULL)", column, later.backfill.value)
                                          : Pending(pair, stage, "t.");
  if (!planned.unconverted.empty()) {
    const std::string why = Up(pair, stage, "t.", Guard::kWhy);
    later.backfill.unconverted = fmt::format("{} IS NULL AND {} IS NOT NULL", column, why);
    later.backfill.unconverted_reason = why;
  }
  return later;
}

}  // namespace

std::vector<LaterFill> LaterFillsOf(const Plan& plan, std::size_t step, std::size_t done) {
  if (!plan.steps[step].backfill || done <= step) return {};
  const Backfill& planned = *plan.steps[step].backfill;
  if (const Pair* pair = PairOf(plan, planned)) {
    std::vector<LaterFill> fills = {At(*pair, StageBeforeSwitch(*pair), planned)};
    if (pair->OneName()) fills.push_back(At(*pair, StageAfterSwitch(*pair), planned));
    if (!pair->OneName()) fills.push_back(At(*pair, StageRetired(*pair), planned));
    return fills;
  }
  // Once contract begins, what gives such a column its value goes.
  const bool contracting = done > plan.EndOf(Phase::kSwitch);
  return contracting ? std::vector<LaterFill>{} : std::vector<LaterFill>{{planned, {planned.column}}};
}

}  // namespace plan
