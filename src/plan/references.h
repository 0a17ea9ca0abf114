#pragma once

#include <vector>

#include "plan/builder.h"
#include "plan/column_change.h"

namespace plan {

// Blocks for each reference of release.yaml that the plan has no use for: transforms of columns that this release does
// not make, change or drop, `down` and `writes` of statements that are not opaque, names under `accept` that nothing
// asks about, and SQL of invariants and conditions that the server does not understand. After all rules.
void CheckReferences(Builder& builder, const std::vector<ColumnChange>& changes);

// The questions of invariants and conditions.
std::vector<std::string> QuestionsOf(const release::Release& release);

}  // namespace plan
