#pragma once

#include <vector>

#include "plan/builder.h"
#include "plan/claims.h"
#include "plan/column_change.h"
#include "sql/parse.h"

namespace plan {

// The claims of a plan that is compiled otherwise, one for each of its tables. Where it is not certain that a column is
// meant, it is taken for read.
std::vector<Claim> ClaimsOf(const Builder& builder, const std::vector<sql::Action>& actions,
                            const std::vector<ColumnChange>& changes, const Plan& plan);

}  // namespace plan
