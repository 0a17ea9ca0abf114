#pragma once

#include <string>

#include "plan/builder.h"

namespace plan {

// ALTER TABLE ... ADD CONSTRAINT ... NOT VALID, as the catalog has the constraint.
std::string AddNotValid(const pg::QualifiedName& table, const catalog::Constraint& constraint);
// A query: no row breaks the foreign key. `referenced` may be given by names alone.
std::string NoOrphan(const pg::QualifiedName& table, const std::vector<std::string>& columns,
                     const pg::QualifiedName& referenced, const std::vector<std::string>& referenced_columns);
// A query: no row breaks this check or foreign key.
std::string NoViolation(const pg::QualifiedName& table, const catalog::Constraint& constraint);
// Drops a check or foreign key in expand. The way back adds it NOT VALID and validates it where no row breaks it.
void LiftConstraint(Builder& builder, const pg::QualifiedName& table, const catalog::Constraint& constraint,
                    const std::string& why);
// A step that does nothing forward; on the way back it validates the constraint, which a later step's way back has
// added NOT VALID, unless rows break it.
void AddWayBackValidation(Builder& builder, Phase phase, Rank rank, const pg::QualifiedName& table,
                          const catalog::Constraint& constraint);

}  // namespace plan
