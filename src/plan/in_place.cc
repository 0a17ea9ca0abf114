#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/not_null.h"
#include "plan/rules.h"

namespace plan {
namespace {

// What PostgreSQL does again though the rows stay: an index that is over an expression, has a predicate or an operator
// class that the new type has not by default, and each check.
std::vector<std::string> BuiltAnew(const Builder& builder, const ColumnChange& change, const std::string& type) {
  const catalog::Cast cast = builder.catalog().CastBetween(change.Old().type, type);
  const auto over = [&](const std::vector<std::string>& columns) {
    return std::find(columns.begin(), columns.end(), change.old_name) != columns.end();
  };
  std::vector<std::string> anew;
  for (const catalog::Index& index : change.table->indexes) {
    if (over(index.columns) && (index.expression || !index.valid || cast.methods.contains(index.method)))
      anew.push_back("index " + index.name);
  }
  for (const catalog::Constraint& constraint : change.table->constraints) {
    if (constraint.type == 'x' && over(constraint.columns)) anew.push_back("constraint " + constraint.name);
    if (constraint.type == 'c' && constraint.validated && over(constraint.columns))
      anew.push_back("constraint " + constraint.name);
  }
  return anew;
}

void WidenType(Builder& builder, const ColumnChange& change) {
  const std::string& type = builder.catalog().TypeOf(change.type).name;
  if (type == change.Old().type) return;
  const pg::QualifiedName& table = change.table->name;
  builder.For(change.Statement(), change.Typing(Aspect::kForm, change.old_name));
  Step& step =
      builder.Add(Phase::kExpand, Rank::kInPlace, StepKind::kSql, fmt::format("make {} {}", change.Text(), type),
                  "the new type reads the old values as they are, so nothing is rewritten");
  const Condition done{ColumnHasType(table, change.old_name, type), "the column has the new type"};
  step.forward = {{fmt::format("ALTER TABLE {} ALTER COLUMN {} TYPE {}", table.Sql(), pg::Ident(change.old_name), type),
                   Not(done.sql)}};
  step.reverse_title = "left as it is: the old version reads the wider type, and narrowing it would rewrite the table";
  step.postcondition = done;
  const std::vector<std::string> anew = BuiltAnew(builder, change, type);
  step.locks = {{table, "ACCESS EXCLUSIVE", anew.empty() ? LockWork::kNone : LockWork::kScan}};
  if (!anew.empty()) {
    step.why = fmt::format(
        "the new type reads the old values as they are; under this lock the server builds anew or "
        "checks: {}",
        fmt::join(anew, ", "));
    builder.Notice(
        Phase::kExpand,
        fmt::format("{}: reads and writes wait while the server builds anew or checks: {}; to spare them, drop "
                    "these before, and make them again after the release",
                    table.Text(), fmt::join(anew, ", ")));
  }
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
  Accesses accesses{Writes(change.defaulted_by, Aspect::kForm, table, column)};
  if (sets) accesses = Join(accesses, builder.effects().OfExpression(change.defaulted_by, *change.new_default));
  builder.For(change.defaulted_by, std::move(accesses));
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
  builder.For(change.nulled_by, {Writes(change.nulled_by, Aspect::kForm, change.table->name, change.old_name)});
  if (*change.not_null) {
    TightenNotNull(builder, change.table->name, change.old_name, true);
  } else {
    CheckMayBeNull(builder, change);
    LoosenNotNull(builder, Phase::kExpand, Rank::kInPlace, change.table->name, change.old_name, "",
                  "the new version writes NULL");
  }
}

}  // namespace plan
