#pragma once

#include <vector>

#include "plan/access.h"
#include "plan/step.h"

namespace plan {

// Two statements of which the line does not keep the author's order, though they need the same.
struct Disorder {
  Access earlier;  // of the statement that the author wrote first
  Access later;
  const Step* earlier_step = nullptr;
  const Step* later_step = nullptr;
  bool severed = false;  // one hangs on what the other takes away; the order is as it was
};

// One for each pair of statements. Pure.
std::vector<Disorder> DisordersOf(const std::vector<Step>& line);

}  // namespace plan
