#include "plan/hangers.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "catalog/parts.h"

namespace plan {
namespace {

using DependentKind = catalog::Dependent::Kind;

std::string KindText(DependentKind kind) {
  switch (kind) {
    case DependentKind::kView:
      return "view";
    case DependentKind::kMaterializedView:
      return "materialized view";
    case DependentKind::kRule:
      return "rule";
    case DependentKind::kPolicy:
      return "policy";
    case DependentKind::kGeneratedColumn:
      return "generated column";
    case DependentKind::kPublication:
      return "publication";
    case DependentKind::kFunction:
      return "function";
    case DependentKind::kForeignKey:
      return "foreign key";
    case DependentKind::kStatistics:
      return "extended statistics";
  }
  return "";
}

class Checker {
 public:
  Checker(Builder& builder, const ColumnChange& change, Use use,
          const std::function<bool(const std::string&)>& replaces)
      : builder_(builder),
        change_(change),
        table_(*change.table),
        column_(change.old_name),
        use_(use),
        replaces_(replaces) {}

  void Check() {
    Table();
    Constraints();
    if (use_ == Use::kDrop) UniqueIndexes();
    Triggers();
    for (const catalog::Dependent& dependent : table_.dependents) {
      if (Names(dependent.columns, column_)) Dependent(dependent);
    }
  }

 private:
  void Block(const std::string& object, const std::string& reason, const std::string& remedy) {
    builder_.Block(object, reason, remedy, change_.at);
  }

  void Table() {
    const catalog::Column& column = change_.Old();
    if (Names(table_.partition_key, column_)) {
      Block(change_.Text(), "it is the partition key, and an INSERT by the new name would find no partition",
            "build a new partitioned table in a release of its own");
    }
    if (column.generated) {
      Block(change_.Text(), "it is a generated column", "drop it and add the new one");
    }
    if (use_ == Use::kInPlace) return;
    if (use_ == Use::kReplace && !table_.rows_stored_in.empty()) {
      Block(change_.Text(),
            fmt::format("{} has whole rows of this table, in which the new column would be empty",
                        table_.rows_stored_in.front()),
            "store the values in columns of their own, or as jsonb, in a release before this one");
    }
    if (column.identity != 0 && use_ == Use::kReplace) {
      Block(change_.Text(), "it is an identity column, whose sequence would count for the old side only",
            "drop the identity in a release before this one and use a sequence as its default");
    }
    if (column.labelled) {
      Block(change_.Text(), "it has security labels, which would not go along", "take them away before");
    }
    if (!column.grants.empty()) {
      Block(change_.Text(), "rights are granted on this column alone",
            "grant them on the table, or revoke them before");
    }
  }

  // An exclusion constraint reads columns in expressions and in its WHERE too.
  [[nodiscard]] bool InIndexOf(const catalog::Constraint& constraint) const {
    return std::any_of(table_.indexes.begin(), table_.indexes.end(), [&](const catalog::Index& index) {
      return constraint.type == 'x' && index.name == constraint.index && Names(index.columns, column_);
    });
  }

  void Constraints() {
    if (use_ == Use::kInPlace) return;
    for (const catalog::Constraint& constraint : table_.constraints) {
      if (!Names(constraint.columns, column_) && !InIndexOf(constraint)) continue;
      if (constraint.type == 'p') {
        Block(change_.Text(), fmt::format("it belongs to the primary key {}", constraint.name),
              "move the primary key to another column in a release before this one");
      } else if (constraint.deferrable && constraint.type == 'u') {
        Block(change_.Text(),
              fmt::format("it belongs to the deferrable constraint {}, which a second unique index cannot imitate",
                          constraint.name),
              "make the constraint not deferrable before");
      } else if (constraint.type == 'x') {
        Block(change_.Text(), fmt::format("it belongs to the exclusion constraint {}", constraint.name),
              "drop the constraint before");
      } else if (constraint.type == 'f' && use_ == Use::kReplace &&
                 (constraint.on_delete == 'd' || constraint.on_update == 'd')) {
        Block(change_.Text(),
              fmt::format("the foreign key {} sets it to its default, which only one of two columns can have",
                          constraint.name),
              "take another action (SET NULL, RESTRICT) in a release before this one");
      } else if (constraint.type == 'u' && use_ == Use::kReplace) {
        builder_.Notice(
            Phase::kContract,
            fmt::format("{}: until purge a second unique index stands beside {}; a concurrent INSERT ... ON CONFLICT "
                        "may see error 23505 from the other one and should try again",
                        table_.name.Text(), constraint.name));
      }
    }
  }

  // Until purge a dropped column stands, and rows of the new version leave it out: no unique index may take that for a
  // value. A default that is computed is taken to be another one each time.
  void UniqueIndexes() {
    const std::optional<std::string>& by_default = change_.Old().default_expression;
    const bool repeated = by_default && by_default->find('(') == std::string::npos;
    for (const catalog::Index& index : table_.indexes) {
      if (!index.unique || !Names(index.columns, column_)) continue;
      const bool nulls = index.definition.find(" NULLS NOT DISTINCT") != std::string::npos;
      if (!index.expression && !nulls && !repeated) continue;
      Block(
          change_.Text(),
          fmt::format("the unique index {} would bind rows of the new version, which leave the column out, until purge",
                      index.name),
          "drop the index in a release before this one");
    }
  }

  void Triggers() {
    for (const catalog::Trigger& trigger : table_.triggers) {
      if (trigger.ours) continue;
      const std::string& definition = trigger.definition;
      const std::size_t call = std::min(definition.find(" EXECUTE FUNCTION "), definition.size());
      const std::size_t arguments = std::min(definition.find('(', call), definition.size());
      if (use_ != Use::kInPlace && catalog::HasWord(std::string_view(definition).substr(arguments), column_)) {
        Block(fmt::format("trigger {} on {}", trigger.name, table_.name.Text()),
              fmt::format("it gives its function the word {} as an argument, and would break when that is retired",
                          column_),
              "drop the trigger before, and create it again after the release");
      }
      if (!Names(trigger.columns, column_)) continue;
      Block(fmt::format("trigger {} on {}", trigger.name, table_.name.Text()),
            fmt::format("its {} names the column {}", trigger.update_of ? "UPDATE OF" : "WHEN", column_),
            "drop the trigger before, and create it again after the release");
    }
  }

  void Dependent(const catalog::Dependent& dependent) {
    const std::string object = fmt::format("{} {}", KindText(dependent.kind), dependent.name);
    switch (dependent.kind) {
      case DependentKind::kFunction:
        if (use_ == Use::kInPlace || replaces_(dependent.name)) return;
        Block(object,
              fmt::format("its {} the column {}, and would break when that is retired",
                          dependent.by_text ? "text names" : "body reads", column_),
              "let change.sql replace it (CREATE OR REPLACE FUNCTION) by one that serves both versions");
        return;
      case DependentKind::kStatistics:
        if (use_ == Use::kDrop)
          builder_.Notice(Phase::kPurge, fmt::format("{} goes with the column {}", object, change_.Text()));
        return;
      case DependentKind::kPublication:
        if (use_ == Use::kInPlace) return;
        Block(object, fmt::format("its column list names {}", column_), "publish the whole table before");
        return;
      case DependentKind::kForeignKey:
        Block(object, fmt::format("it references {}", change_.Text()),
              "drop it before, and add it again after the release");
        return;
      default:
        Block(object, fmt::format("it reads {}", change_.Text()),
              "drop it before, and create it again after the release");
    }
  }

  Builder& builder_;
  const ColumnChange& change_;
  const catalog::Table& table_;
  const std::string& column_;
  Use use_;
  const std::function<bool(const std::string&)>& replaces_;
};

}  // namespace

bool Names(const std::vector<std::string>& columns, const std::string& column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

std::vector<catalog::Dependent> RulesOn(const catalog::Table& table) {
  std::vector<catalog::Dependent> rules;
  for (const catalog::Dependent& dependent : table.dependents) {
    if (dependent.kind == DependentKind::kRule && dependent.name.ends_with(" on " + table.name.Text()))
      rules.push_back(dependent);
  }
  return rules;
}

void CheckHangers(Builder& builder, const ColumnChange& change, Use use,
                  const std::function<bool(const std::string&)>& replaces) {
  Checker(builder, change, use, replaces).Check();
}

}  // namespace plan
