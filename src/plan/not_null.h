#pragma once

#include <string>

#include "plan/builder.h"

namespace plan {

// SET NOT NULL in contract, without a scan under a strong lock: CHECK NOT VALID, VALIDATE, then SET NOT NULL, which the
// valid CHECK proves. `column` is its name at that time. With `precheck`, migrate looks for NULL rows first.
void TightenNotNull(Builder& builder, const pg::QualifiedName& table, const std::string& column, bool precheck);

// Says that a column cannot be NULL for a while, where the server does not let it: what identifies rows for replication
// has no NULL.
void CheckMayBeNull(Builder& builder, const ColumnChange& change);

// DROP NOT NULL. The way back proves it again without a scan under a strong lock; where rows are NULL by then, a CHECK
// NOT VALID stays instead, which holds for all new rows. `admits`: a predicate that takes its place meanwhile; empty:
// none.
void LoosenNotNull(Builder& builder, Phase phase, Rank rank, const pg::QualifiedName& table, const std::string& column,
                   const std::string& admits, const std::string& why);

}  // namespace plan
