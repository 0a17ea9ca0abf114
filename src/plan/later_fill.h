#pragma once

#include <vector>

#include "plan/plan.h"

namespace plan {

// The backfill of a step that is done, as it is asked and run again: rows may arrive beside the triggers (a partition
// attached with rows, a load that skips them). After the names were swapped or retired its columns are called
// otherwise: the forms that it may take, of which the one counts whose `columns` are there.
struct LaterFill {
  Backfill backfill;
  std::vector<std::string> columns;
};
// Pure. `done`: steps of the plan that are done. Empty: the step fills nothing any more, or not yet.
std::vector<LaterFill> LaterFillsOf(const Plan& plan, std::size_t step, std::size_t done);

}  // namespace plan
