#include "plan/not_null.h"

#include <fmt/format.h>

#include "plan/conditions.h"
#include "plan/hangers.h"

namespace plan {
namespace {

std::string Alter(const pg::QualifiedName& table, const std::string& action) {
  return fmt::format("ALTER TABLE {} {}", table.Sql(), action);
}

std::string AddCheck(const pg::QualifiedName& table, const std::string& name, const std::string& predicate) {
  return Alter(table, fmt::format("ADD CONSTRAINT {} CHECK ({}) NOT VALID", pg::Ident(name), predicate));
}

std::string DropConstraint(const pg::QualifiedName& table, const std::string& name) {
  return Alter(table, fmt::format("DROP CONSTRAINT IF EXISTS {}", pg::Ident(name)));
}

std::string Validate(const pg::QualifiedName& table, const std::string& name) {
  return Alter(table, fmt::format("VALIDATE CONSTRAINT {}", pg::Ident(name)));
}

}  // namespace

void TightenNotNull(Builder& builder, const pg::QualifiedName& table, const std::string& column, bool precheck) {
  const std::string text = table.Text() + "." + column;
  const std::string check = builder.NewName();
  const std::string not_null = pg::Ident(column) + " IS NOT NULL";
  if (precheck) {
    Step& look = builder.Add(Phase::kMigrate, Rank::kData, StepKind::kSql, fmt::format("look for NULL in {}", text),
                             "rows that contract would stumble over are found while there is time");
    look.precondition = {NoRow(table, "t." + pg::Ident(column) + " IS NULL"),
                         fmt::format("no row of {} has NULL in {}", table.Text(), column)};
    look.reverse_title = "nothing to undo";
    look.accesses = {Reads(builder.statement(), Aspect::kRows, table, column)};
  }
  Step& add = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql,
                          fmt::format("check that new rows of {} are not NULL", text), "NOT VALID needs no scan");
  // Its way back takes away what the two steps after it bring, whose own does nothing: a way back that stops in between
  // leaves nothing that a later way forward would have to prove under a long lock.
  add.forward = {{AddCheck(table, check, not_null), Not(ConstraintExists(table, check))}};
  add.reverse = {{Alter(table, fmt::format("ALTER COLUMN {} DROP NOT NULL", pg::Ident(column)))},
                 {DropConstraint(table, check)}};
  add.reverse_title = "drop NOT NULL and the check";
  add.postcondition = {ConstraintExists(table, check), "the check is there"};
  add.reverse_postcondition = {And(Not(ColumnIsNotNull(table, column)), Not(ConstraintExists(table, check))),
                               "the column may be NULL"};
  add.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};

  Step& validate = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql,
                               fmt::format("validate that no row of {} is NULL", text),
                               "the scan runs under a lock that reads and writes pass");
  validate.forward = {{Validate(table, check), ConstraintExists(table, check)}};
  validate.reverse_title = "left to the way back of the step before";
  validate.postcondition = {Or(ConstraintIsValid(table, check), ColumnIsNotNull(table, column)), "the check is valid"};
  validate.locks = {{table, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};

  Step& set = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql, fmt::format("set {} NOT NULL", text),
                          "the valid check proves it, so nothing is scanned");
  set.forward = {{Alter(table, fmt::format("ALTER COLUMN {} SET NOT NULL", pg::Ident(column)))},
                 {DropConstraint(table, check)}};
  set.reverse_title = "left to the way back of the check";
  set.postcondition = {ColumnIsNotNull(table, column), "the column is NOT NULL"};
  set.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

void CheckMayBeNull(Builder& builder, const ColumnChange& change) {
  for (const catalog::Index& index : change.table->indexes) {
    if (!index.identity || !Names(index.columns, change.old_name)) continue;
    builder.Block(
        change.Text(),
        fmt::format("the replica identity is the index {}, whose columns cannot be NULL for a while", index.name),
        "take another replica identity in a release before this one: ALTER TABLE ... REPLICA IDENTITY FULL", change.at);
  }
}

void LoosenNotNull(Builder& builder, Phase phase, Rank rank, const pg::QualifiedName& table, const std::string& column,
                   const std::string& admits, const std::string& why) {
  const std::string text = table.Text() + "." + column;
  const std::string check = builder.NewName();
  const std::string meanwhile = builder.NewName();
  const std::string no_null = NoRow(table, "t." + pg::Ident(column) + " IS NULL");

  // The step that drops it comes last: what the way back needs stands before it, so that it can begin anywhere.
  Step& set = builder.Add(phase, rank, StepKind::kSql, fmt::format("way back of {}: NOT NULL again", text),
                          "only on the way back: the valid check proves it, so nothing is scanned");
  set.reverse = {
      {Alter(table, fmt::format("ALTER COLUMN {} SET NOT NULL", pg::Ident(column))), ConstraintIsValid(table, check)},
      {DropConstraint(table, check), ConstraintIsValid(table, check)}};
  set.reverse_title = "set NOT NULL, proven by the valid check; where rows are NULL the NOT VALID check stays";
  set.reverse_postcondition = {Or(ColumnIsNotNull(table, column), ConstraintExists(table, check)),
                               "no new row is NULL"};
  set.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};

  Step& validate = builder.Add(phase, rank, StepKind::kSql, fmt::format("way back of {}: prove NOT NULL", text),
                               "only on the way back: the scan runs under a lock that reads and writes pass");
  validate.reverse = {{Validate(table, check), And(ConstraintExists(table, check), no_null)}};
  validate.reverse_title = "validate the check, unless rows are NULL";
  validate.locks = {{table, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};

  Step& drop = builder.Add(phase, rank, StepKind::kSql, fmt::format("let {} be NULL", text), why);
  drop.forward = {{DropConstraint(table, check)},
                  {Alter(table, fmt::format("ALTER COLUMN {} DROP NOT NULL", pg::Ident(column)))}};
  if (!admits.empty()) drop.forward.push_back({AddCheck(table, meanwhile, admits)});
  drop.reverse = {{AddCheck(table, check, pg::Ident(column) + " IS NOT NULL"), Not(ConstraintExists(table, check))},
                  {DropConstraint(table, meanwhile)}};
  drop.reverse_title = "add the check NOT VALID: from here on no new row is NULL";
  drop.postcondition = {Not(ColumnIsNotNull(table, column)), "the column may be NULL"};
  drop.reverse_postcondition = {ConstraintExists(table, check), "the check is there"};
  drop.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

}  // namespace plan
