#include <fmt/format.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/not_null.h"
#include "plan/rules.h"

namespace plan {
namespace {

void WidenType(Builder& builder, const ColumnChange& change) {
  const std::string& type = builder.catalog().TypeOf(change.type).name;
  if (type == change.Old().type) return;
  const pg::QualifiedName& table = change.table->name;
  Step& step =
      builder.Add(Phase::kExpand, Rank::kInPlace, StepKind::kSql, fmt::format("make {} {}", change.Text(), type),
                  "the new type reads the old values as they are, so nothing is rewritten");
  const Condition done{ColumnHasType(table, change.old_name, type), "the column has the new type"};
  step.forward = {{fmt::format("ALTER TABLE {} ALTER COLUMN {} TYPE {}", table.Sql(), pg::Ident(change.old_name), type),
                   Not(done.sql)}};
  step.reverse_title = "left as it is: the old version reads the wider type, and narrowing it would rewrite the table";
  step.postcondition = done;
  step.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
  builder.Notice(Phase::kExpand,
                 fmt::format("{}: prepared statements that return {} fail once and must be prepared again",
                             table.Text(), change.old_name));
}

}  // namespace

void ChangeDefault(Builder& builder, const ColumnChange& change, const std::optional<std::string>& former) {
  const pg::QualifiedName& table = change.table->name;
  const std::string& column = change.added ? change.new_name : change.old_name;
  const std::string alter = fmt::format("ALTER TABLE {} ALTER COLUMN {} ", table.Sql(), pg::Ident(column));
  const auto statement = [&](const std::optional<std::string>& value) {
    return alter + (value ? "SET DEFAULT " + *value : "DROP DEFAULT");
  };
  const bool sets = change.new_default.has_value();
  Step& step = builder.Add(
      sets ? Phase::kExpand : Phase::kContract, sets ? Rank::kInPlace : Rank::kFinish, StepKind::kSql,
      fmt::format("{} the default of {}", sets ? "set" : "drop", change.Text()),
      sets ? "the new version relies on it; rows that are there stay as they are" : "the old version relied on it");
  step.forward = {{statement(change.new_default)}};
  step.reverse = {{statement(former)}};
  step.reverse_title = former ? "set the former default" : "drop the default";
  step.search_path = builder.AuthorsPath();
  step.postcondition = {sets ? ColumnHasDefault(table, column) : Not(ColumnHasDefault(table, column)),
                        sets ? "the default is set" : "the default is gone"};
  step.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
  if (sets)
    builder.Notice(
        Phase::kExpand,
        fmt::format("{}: INSERTs of the old version that leave {} out get the new default too", table.Text(), column));
}

void ChangeInPlace(Builder& builder, const ColumnChange& change) {
  const std::vector<std::string>& apart = change.table->set_in_partitions;
  if (std::find(apart.begin(), apart.end(), change.old_name) != apart.end() &&
      (change.default_changed || change.not_null)) {
    builder.Block(change.Text(),
                  "a partition has a default or NOT NULL of its own, which the way back could not bring back",
                  "make them equal before, or change each partition by itself", change.at);
    return;
  }
  if (!change.type.empty()) WidenType(builder, change);
  if (change.default_changed) ChangeDefault(builder, change, change.Old().default_expression);
  if (!change.not_null || *change.not_null == change.Old().not_null) return;
  if (*change.not_null) {
    TightenNotNull(builder, change.table->name, change.old_name, true);
  } else {
    LoosenNotNull(builder, Phase::kExpand, Rank::kInPlace, change.table->name, change.old_name, "",
                  "the new version writes NULL");
  }
}

}  // namespace plan
