#include "plan/foreign_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plan/conditions.h"

namespace plan {

std::string AddNotValid(const pg::QualifiedName& table, const catalog::Constraint& constraint) {
  return fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}{}", table.Sql(), pg::Ident(constraint.name),
                     constraint.definition, constraint.definition.ends_with(" NOT VALID") ? "" : " NOT VALID");
}

std::string NoOrphan(const pg::QualifiedName& table, const std::vector<std::string>& columns,
                     const pg::QualifiedName& referenced, const std::vector<std::string>& referenced_columns) {
  std::vector<std::string> given;
  std::vector<std::string> equal;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    given.push_back(fmt::format("t.{} IS NOT NULL", pg::Ident(columns[i])));
    equal.push_back(fmt::format("r.{} = t.{}", pg::Ident(referenced_columns[i]), pg::Ident(columns[i])));
  }
  return NoRow(table, fmt::format("{} AND NOT EXISTS (SELECT FROM {} r WHERE {})", fmt::join(given, " AND "),
                                  referenced.Sql(), fmt::join(equal, " AND ")));
}

std::string NoViolation(const pg::QualifiedName& table, const catalog::Constraint& constraint) {
  if (constraint.type == 'f')
    return NoOrphan(table, constraint.columns, constraint.referenced, constraint.referenced_columns);
  // pg_get_constraintdef prints "CHECK (...)", perhaps with NO INHERIT or NOT VALID behind the parenthesis.
  const std::size_t begin = constraint.definition.find('(');
  const std::size_t end = constraint.definition.rfind(')');
  return NoRow(table, fmt::format("NOT {}", constraint.definition.substr(begin, end - begin + 1)));
}

void AddWayBackValidation(Builder& builder, Phase phase, Rank rank, const pg::QualifiedName& table,
                          const catalog::Constraint& constraint) {
  Step& step = builder.Add(phase, rank, StepKind::kSql,
                           fmt::format("way back of {} on {}: prove it", constraint.name, table.Text()),
                           "only on the way back: the scan runs under a lock that reads and writes pass");
  step.reverse = {{fmt::format("ALTER TABLE {} VALIDATE CONSTRAINT {}", table.Sql(), pg::Ident(constraint.name)),
                   constraint.validated ? NoViolation(table, constraint) : "SELECT false"}};
  step.reverse_title = "validate the constraint, unless rows break it";
  step.accesses.clear();
  step.locks = {{table, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
}

}  // namespace plan
