#include <fmt/format.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/rules.h"

namespace plan {

void CreateIndex(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  const pg::QualifiedName table_name = Resolve(builder.catalog(), action.relation);
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  builder.Touch(table_name);
  if (!builder.Stands(action.relation, action.at)) return;
  if (table != nullptr && !ColumnsStand(builder, action, *table, changes, action.columns)) return;
  if (table != nullptr && table->kind == 'p') {
    builder.Block(table_name.Text(), "an index of a partitioned table cannot be built concurrently",
                  "build it on each partition", action.at);
    return;
  }
  if (action.index.name.empty() && action.over_expression) {
    builder.Block(table_name.Text(), "an index over an expression has no name here, and the server would make one up",
                  "give it a name: CREATE INDEX name ON ...", action.at);
    return;
  }
  if (action.index.name.empty() && !builder.NamesKnown(table_name)) {
    builder.Block(table_name.Text(), "an index has no name here, and the table takes names from others (LIKE)",
                  "give it a name: CREATE INDEX name ON ...", action.at);
    return;
  }
  const std::string name =
      action.index.name.empty() ? builder.names().Choose(table_name, action.key_columns, "idx") : action.index.name;
  const pg::QualifiedName index{table_name.schema, name};
  if (!builder.names().TakeRelation(index)) {
    builder.Block(index.Text(), "a relation of this name exists, or is kept until purge", "take another name",
                  action.at);
    return;
  }
  if (builder.Makes(table_name)) {
    return AddToNewTable(builder, table_name, name,
                         fmt::format("CREATE {}INDEX {} ON {} {}", action.unique ? "UNIQUE " : "", pg::Ident(name),
                                     table_name.Sql(), action.definition),
                         {IndexIsValid(table_name, index), "the index is valid"},
                         {{table_name, "SHARE", LockWork::kScan}});
  }
  bool waits_for_fill = false;
  bool waits_for_swap = false;
  for (const ColumnChange& change : changes) {
    if (change.table != table ||
        std::find(action.columns.begin(), action.columns.end(), change.new_name) == action.columns.end())
      continue;
    waits_for_fill = true;
    waits_for_swap = waits_for_swap || (!change.Renamed() && !change.type.empty());
  }
  // A unique index binds whoever writes, so it waits until the old version is gone.
  const Phase phase = action.unique || waits_for_swap ? Phase::kContract
                      : waits_for_fill                ? Phase::kMigrate
                                                      : Phase::kExpand;
  const Rank rank = phase == Phase::kContract  ? Rank::kTighten
                    : phase == Phase::kMigrate ? Rank::kPairIndexes
                                               : Rank::kIndexes;
  Step& step = builder.Add(phase, rank, StepKind::kConcurrent, fmt::format("build {} on {}", name, table_name.Text()),
                           action.unique ? "concurrently; only now, because it would bind the old version"
                                         : "concurrently, so that writes go on");
  step.forward = {{fmt::format("CREATE {}INDEX CONCURRENTLY {} ON {} {}", action.unique ? "UNIQUE " : "",
                               pg::Ident(name), table_name.Sql(), action.definition)}};
  step.reverse = {{fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.Sql())}};
  step.reverse_title = "drop the index concurrently";
  step.search_path = builder.AuthorsPath();
  step.index = index.Sql();
  step.postcondition = {IndexIsValid(table_name, index), "the index is valid"};
  step.reverse_postcondition = {Not(TableExists(index)), "the index is gone"};
  step.locks = {{table_name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
}

void DropIndex(Builder& builder, const sql::Action& action) {
  const auto* found = builder.catalog().FindIndex(action.index.schema, action.index.name);
  if (found == nullptr) {
    builder.Block(action.index.name, "there is no such index", "correct the name", action.at);
    return;
  }
  const auto& [index, table_name] = *found;
  builder.Touch(table_name);
  const catalog::Table& table = builder.catalog().tables.at(table_name);
  const auto entry = std::find_if(table.indexes.begin(), table.indexes.end(),
                                  [&name = index.name](const catalog::Index& i) { return i.name == name; });
  if (table.kind == 'p' || (entry != table.indexes.end() && !entry->constraint.empty())) {
    builder.Block(
        index.Text(),
        table.kind == 'p' ? "it belongs to a partitioned table" : "it belongs to the constraint " + entry->constraint,
        table.kind == 'p' ? "drop those of the partitions" : "drop the constraint", action.at);
    return;
  }
  builder.names().FreeRelation(index, false);
  Step& step = builder.Add(Phase::kPurge, Rank::kFinish, StepKind::kConcurrent,
                           fmt::format("drop the index {}", index.Text()), "only now: its way back is a new build");
  step.forward = {{fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", index.Sql())}};
  step.reverse.reset();
  step.reverse_title = "none: it would be built again";
  step.postcondition = {Not(TableExists(index)), "the index is gone"};
  step.locks = {{table_name, "SHARE UPDATE EXCLUSIVE", LockWork::kNone}};
}

}  // namespace plan
