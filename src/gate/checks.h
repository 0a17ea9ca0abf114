#pragma once

#include <span>

#include "gate/gate.h"

namespace gate {

// A row of the table of checks: from which phase on it is asked, and how.
struct CheckRow {
  Phase from;
  Check (*run)(const Policy& policy, const Facts& facts, Phase phase);
};
std::span<const CheckRow> CheckTable();

}  // namespace gate
