#include "plan/conditions.h"

#include <fmt/format.h>

namespace plan {
namespace {

std::string Regclass(const pg::QualifiedName& relation) {
  return fmt::format("pg_catalog.to_regclass({})", pg::Literal(relation.Sql()));
}

std::string Attribute(const pg::QualifiedName& table, const std::string& column, const std::string& further) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname = {} AND NOT attisdropped{})",
      Regclass(table), pg::Literal(column), further);
}

std::string Constraint(const pg::QualifiedName& table, const std::string& constraint, const std::string& further) {
  return fmt::format("SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = {} AND conname = {}{})",
                     Regclass(table), pg::Literal(constraint), further);
}

}  // namespace

std::string TableExists(const pg::QualifiedName& table) {
  return fmt::format("SELECT {} IS NOT NULL", Regclass(table));
}

std::string ColumnExists(const pg::QualifiedName& table, const std::string& column) {
  return Attribute(table, column, "");
}

std::string ColumnIsNotNull(const pg::QualifiedName& table, const std::string& column) {
  return Attribute(table, column, " AND attnotnull");
}

std::string ColumnHasType(const pg::QualifiedName& table, const std::string& column, const std::string& type) {
  return Attribute(table, column,
                   fmt::format(" AND pg_catalog.format_type(atttypid, atttypmod) = {}", pg::Literal(type)));
}

std::string ColumnHasDefault(const pg::QualifiedName& table, const std::string& column) {
  return Attribute(table, column, " AND atthasdef");
}

std::string ConstraintExists(const pg::QualifiedName& table, const std::string& constraint) {
  return Constraint(table, constraint, "");
}

std::string ConstraintIsValid(const pg::QualifiedName& table, const std::string& constraint) {
  return Constraint(table, constraint, " AND convalidated");
}

std::string StatisticsExist(const pg::QualifiedName& statistics) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = "
      "s.stxnamespace "
      "WHERE n.nspname = {} AND s.stxname = {})",
      pg::Literal(statistics.schema), pg::Literal(statistics.name));
}

std::string IndexIsValid(const pg::QualifiedName& table, const pg::QualifiedName& index) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {} AND indrelid = {} AND indisvalid)",
      Regclass(index), Regclass(table));
}

std::string ReplicaIdentityIs(const pg::QualifiedName& table, char identity, const std::string& index) {
  const std::string of_index =
      identity != 'i' ? ""
                      : fmt::format(
                            " AND EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = {} AND indexrelid = {} AND "
                            "indisreplident)",
                            Regclass(table), Regclass({table.schema, index}));
  return fmt::format("SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = {} AND relreplident = '{}'{})",
                     Regclass(table), identity, of_index);
}

std::string TriggerExists(const pg::QualifiedName& table, const std::string& trigger) {
  return fmt::format("SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = {} AND tgname = {})",
                     Regclass(table), pg::Literal(trigger));
}

std::string Not(const std::string& condition) { return fmt::format("SELECT NOT ({})", condition); }

std::string And(const std::string& left, const std::string& right) {
  return fmt::format("SELECT ({}) AND ({})", left, right);
}

std::string Or(const std::string& left, const std::string& right) {
  return fmt::format("SELECT ({}) OR ({})", left, right);
}

std::string NoRow(const pg::QualifiedName& table, const std::string& predicate) {
  return fmt::format("SELECT NOT EXISTS (SELECT FROM {} t WHERE {})", table.Sql(), predicate);
}

}  // namespace plan
