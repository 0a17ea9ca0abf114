#pragma once

#include <vector>

#include "catalog/catalog.h"
#include "plan/column_change.h"
#include "plan/plan.h"
#include "sql/parse.h"

namespace plan {

// Notices of the tables whose rows the release writes: those of which the log will not tell what became of them, with
// what REPLICA IDENTITY FULL would give and cost, and those that have it, with what it costs. Nothing sets it but the
// author.
void NoticeWhatTheLogKeeps(const catalog::Catalog& catalog, const std::vector<sql::Action>& actions,
                           const std::vector<ColumnChange>& changes, Plan& plan);

}  // namespace plan
