#pragma once

#include <string>

#include "pg/quote.h"

// Questions to the catalog of the target, each a query that gives one boolean. Pure text.
namespace plan {

std::string TableExists(const pg::QualifiedName& table);
std::string ColumnExists(const pg::QualifiedName& table, const std::string& column);
std::string ColumnIsNotNull(const pg::QualifiedName& table, const std::string& column);
std::string ColumnHasType(const pg::QualifiedName& table, const std::string& column, const std::string& type);
std::string ColumnHasDefault(const pg::QualifiedName& table, const std::string& column);
std::string ConstraintExists(const pg::QualifiedName& table, const std::string& constraint);
std::string ConstraintIsValid(const pg::QualifiedName& table, const std::string& constraint);
std::string StatisticsExist(const pg::QualifiedName& statistics);
std::string IndexIsValid(const pg::QualifiedName& table, const pg::QualifiedName& index);
// `identity` as in pg_class.relreplident; `index` for 'i' only.
std::string ReplicaIdentityIs(const pg::QualifiedName& table, char identity, const std::string& index);
std::string TriggerExists(const pg::QualifiedName& table, const std::string& trigger);
// SELECT NOT (...): of one of the above.
std::string Not(const std::string& condition);
std::string And(const std::string& left, const std::string& right);
std::string Or(const std::string& left, const std::string& right);
// No row of the table satisfies the predicate; its alias is t.
std::string NoRow(const pg::QualifiedName& table, const std::string& predicate);

}  // namespace plan
