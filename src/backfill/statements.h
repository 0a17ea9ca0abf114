#pragma once

#include <string>

#include "plan/step.h"

// The SQL that a backfill is made of, with its names and expressions. Pure.
namespace backfill {

// Each fills the pending rows of `leaf` between two ctids ($1, $2) and changes as many rows as it says. A row that an
// application changes meanwhile is left to a later look.
//
// Those whose column is NULL.
std::string FillSql(const plan::Backfill& backfill, const std::string& leaf);
// The same without those that another transaction has locked.
std::string FillUnlockedSql(const plan::Backfill& backfill, const std::string& leaf);
// All; writes values that it overwrites into switchback.replaced for release $3, and gives the number of rows.
std::string ReplaceSql(const plan::Backfill& backfill, const std::string& leaf);
// Is any row of the table pending?
std::string AnyPendingSql(const plan::Backfill& backfill);
// Lists the rows that cannot be converted for release $1; empty: there can be none.
std::string UnconvertedSql(const plan::Backfill& backfill);

}  // namespace backfill
