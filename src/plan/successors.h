#pragma once

#include "plan/replacement.h"

namespace plan {

// What the new columns of a table need because the old ones have it: plain indexes, checks, foreign keys and extended
// statistics in migrate, unique indexes in contract, after the old version is gone. One that is over several replaced
// columns has one successor, with the first of them. What this release drops, or what goes with a column that it drops,
// has none.
void AddSuccessors(Builder& builder, std::vector<Replacement>& replacements, const std::vector<Dropped>& dropped);

// For purge, before the old column goes: comments, the CLUSTER mark, the replica identity, statistics targets of
// expressions and extensions that it depends on go from the former object to its successor, as they are then.
std::vector<Statement> CarryOver(const pg::QualifiedName& table, const Successor& successor);
// After it is gone: the successor takes its name.
std::vector<Statement> TakeOver(const pg::QualifiedName& table, const Successor& successor);

}  // namespace plan
