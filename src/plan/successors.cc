#include "plan/successors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/hangers.h"
#include "sql/rename.h"

namespace plan {
namespace {

class Successors {
 public:
  Successors(Builder& builder, const ColumnChange& change, const Pair& pair)
      : builder_(builder), change_(change), pair_(pair), table_(*change.table) {}

  std::vector<Successor> Add() {
    for (const catalog::Index& index : table_.indexes) {
      if (Names(index.columns, pair_.old_name)) Index(index);
    }
    for (const catalog::Constraint& constraint : table_.constraints) {
      if (!Names(constraint.columns, pair_.old_name)) continue;
      if (constraint.type == 'c') Check(constraint);
      if (constraint.type == 'f') ForeignKey(constraint);
    }
    return std::move(successors_);
  }

 private:
  // Both versions' values mean the same to an index or a check: a copy, or a cast that loses nothing.
  [[nodiscard]] bool Plain() const { return pair_.up.function.empty(); }

  void Block(const std::string& object, const std::string& reason, const std::string& remedy) {
    builder_.Block(object, reason, remedy, change_.at);
  }

  void Index(const catalog::Index& index) {
    if (index.primary) return;  // blocked with the key itself
    if (table_.kind == 'p') {
      Block(fmt::format("index {}", index.name), "an index of a partitioned table cannot be built concurrently",
            "drop it before, and create it again after the release");
      return;
    }
    if (index.expression && !Plain()) {
      Block(fmt::format("index {}", index.name), fmt::format("its expression or predicate is over {}", change_.Text()),
            "drop it before, and create it again after the release");
      return;
    }
    const Phase phase = index.unique ? Phase::kContract : Phase::kMigrate;
    const std::string column =
        index.unique ? StageAfterSwitch(pair_).new_physical : StageBeforeSwitch(pair_).new_physical;
    const std::string name = builder_.NewName();
    const pg::QualifiedName qualified{table_.name.schema, name};
    Step& step = builder_.Add(phase, index.unique ? Rank::kTighten : Rank::kPairIndexes, StepKind::kConcurrent,
                              fmt::format("build an index like {} for {}", index.name, pair_.new_name),
                              index.unique ? "concurrently; unique only now, because it would bind the old version"
                                           : "concurrently, so that writes go on");
    step.forward = {{fmt::format(
        "CREATE {}INDEX CONCURRENTLY {} ON {} {}", index.unique ? "UNIQUE " : "", pg::Ident(name), table_.name.Sql(),
        sql::ReplaceColumn(sql::TailFrom(index.definition, "using"), pair_.old_name, column))}};
    step.reverse = {{fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", qualified.Sql())}};
    step.reverse_title = "drop the index concurrently";
    step.index = qualified.Sql();
    step.postcondition = {IndexIsValid(table_.name, qualified), "the index is valid"};
    step.reverse_postcondition = {Not(TableExists(qualified)), "the index is gone"};
    step.locks = {{table_.name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
    const bool owned = !index.constraint.empty();
    successors_.push_back(
        {name, owned ? index.constraint : index.name, owned ? Successor::Kind::kUnique : Successor::Kind::kIndex});
  }

  void Check(const catalog::Constraint& constraint) {
    if (!Plain()) {
      Block(fmt::format("constraint {} on {}", constraint.name, table_.name.Text()),
            fmt::format("it checks {}, whose values change", pair_.old_name),
            "drop it in a release before this one, and add the new one after it");
      return;
    }
    Constraint(constraint,
               sql::ReplaceColumn(constraint.definition, pair_.old_name, StageBeforeSwitch(pair_).new_physical),
               "ACCESS EXCLUSIVE");
  }

  void ForeignKey(const catalog::Constraint& constraint) {
    if (!Plain() || (table_.kind == 'p' && builder_.catalog().server_version < 180000)) {
      Block(fmt::format("constraint {} on {}", constraint.name, table_.name.Text()),
            Plain() ? "a foreign key of a partitioned table cannot be added without a long lock before PostgreSQL 18"
                    : fmt::format("it refers by {}, whose values change", pair_.old_name),
            "drop it before, and add it again after the release");
      return;
    }
    std::vector<std::string> columns;
    for (const std::string& column : constraint.columns) {
      columns.push_back(column == pair_.old_name ? StageBeforeSwitch(pair_).new_physical : column);
    }
    Constraint(
        constraint,
        fmt::format("FOREIGN KEY ({}) {}", pg::IdentList(columns), sql::TailFrom(constraint.definition, "references")),
        "SHARE ROW EXCLUSIVE");
  }

  void Constraint(const catalog::Constraint& constraint, std::string definition, const std::string& lock) {
    if (!definition.ends_with(" NOT VALID")) definition += " NOT VALID";
    const std::string name = builder_.NewName();
    const std::string alter = "ALTER TABLE " + table_.name.Sql();
    Step& add = builder_.Add(Phase::kMigrate, Rank::kPairIndexes, StepKind::kSql,
                             fmt::format("add a constraint like {} for {}", constraint.name, pair_.new_name),
                             "NOT VALID needs no scan");
    add.forward = {{fmt::format("{} ADD CONSTRAINT {} {}", alter, pg::Ident(name), definition),
                    Not(ConstraintExists(table_.name, name))}};
    add.reverse = {{fmt::format("{} DROP CONSTRAINT IF EXISTS {}", alter, pg::Ident(name))}};
    add.reverse_title = "drop the constraint";
    add.postcondition = {ConstraintExists(table_.name, name), "the constraint is there"};
    add.reverse_postcondition = {Not(ConstraintExists(table_.name, name)), "the constraint is gone"};
    add.locks = {{table_.name, lock, LockWork::kNone}};
    if (constraint.type == 'f') add.locks.push_back({constraint.referenced, lock, LockWork::kNone});
    successors_.push_back({name, constraint.name, Successor::Kind::kConstraint});
    if (!constraint.validated) return;
    Step& validate = builder_.Add(Phase::kMigrate, Rank::kPairIndexes, StepKind::kSql,
                                  fmt::format("validate the constraint like {}", constraint.name),
                                  "the scan runs under a lock that reads and writes pass");
    validate.forward = {{fmt::format("{} VALIDATE CONSTRAINT {}", alter, pg::Ident(name))}};
    validate.reverse_title = "nothing to undo";
    validate.postcondition = {ConstraintExists(table_.name, name), "the constraint is there"};
    validate.locks = {{table_.name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
  }

  Builder& builder_;
  const ColumnChange& change_;
  const Pair& pair_;
  const catalog::Table& table_;
  std::vector<Successor> successors_;
};

}  // namespace

std::vector<Successor> AddSuccessors(Builder& builder, const ColumnChange& change, const Pair& pair) {
  return Successors(builder, change, pair).Add();
}

}  // namespace plan
