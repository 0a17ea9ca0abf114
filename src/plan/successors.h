#pragma once

#include <vector>

#include "plan/replacement.h"

namespace plan {

// Indexes and constraints that the new column needs because the old one has them: plain indexes, checks and foreign
// keys in migrate, unique indexes in contract, after the old version is gone.
std::vector<Successor> AddSuccessors(Builder& builder, const ColumnChange& change, const Pair& pair);

}  // namespace plan
