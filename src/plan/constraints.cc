#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "plan/conditions.h"
#include "plan/foreign_keys.h"
#include "plan/rules.h"

namespace plan {
namespace {

const ColumnChange* ChangeOf(const std::vector<ColumnChange>& changes, const catalog::Table& table,
                             const std::string& column) {
  const auto found = std::find_if(changes.begin(), changes.end(),
                                  [&](const ColumnChange& c) { return c.table == &table && c.new_name == column; });
  return found == changes.end() ? nullptr : &*found;
}

// Rows can be looked at in migrate only where all columns are there by their names already.
bool ReadableInMigrate(const std::vector<ColumnChange>& changes, const catalog::Table& table,
                       const std::vector<std::string>& columns) {
  return std::none_of(columns.begin(), columns.end(), [&](const std::string& column) {
    const ColumnChange* change = ChangeOf(changes, table, column);
    return change != nullptr && !change->Renamed() && !change->type.empty();
  });
}

// The author's name for it, else the server's; nothing, and said so, where that is taken.
std::optional<std::string> TakeName(Builder& builder, const pg::QualifiedName& table, const sql::Action& action,
                                    const std::vector<std::string>& columns, const std::string& kind) {
  const bool named = !action.constraint.empty();
  if (!named && !builder.NamesKnown(table)) {
    builder.Block(table.Text(), "a constraint has no name here, and the table takes names from others (LIKE)",
                  "give it a name: ADD CONSTRAINT name ...", action.at);
    return std::nullopt;
  }
  std::string name = named ? action.constraint : builder.names().Choose(table, columns, kind);
  if (!builder.names().TakeConstraint(table, name)) {
    builder.Block(fmt::format("{} on {}", name, table.Text()), "the table has a constraint of this name",
                  "take another name", action.at);
    return std::nullopt;
  }
  if (kind == "key" && !builder.names().TakeRelation({table.schema, name})) {
    builder.Block(fmt::format("{} on {}", name, table.Text()),
                  "a relation of this name exists, and a key gives its name to its index", "take another name",
                  action.at);
    return std::nullopt;
  }
  builder.NameConstraint(table, name);
  return name;
}

void Precheck(Builder& builder, const std::string& name, const std::string& query, const std::string& text) {
  Step& look =
      builder.Add(Phase::kMigrate, Rank::kData, StepKind::kSql, fmt::format("look for rows that break {}", name),
                  "rows that contract would stumble over are found while there is time");
  look.precondition = {query, text};
  look.search_path = builder.AuthorsPath();
  look.accesses = OnlyReads(look.accesses);
  look.reverse_title = "nothing to undo";
}

void AddConstraint(Builder& builder, const pg::QualifiedName& table, const std::string& name,
                   const std::string& definition, std::vector<Lock> locks, bool validate_rows = true) {
  const std::string alter = "ALTER TABLE " + table.Sql();
  Step& add =
      builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql, fmt::format("add {} on {}", name, table.Text()),
                  "NOT VALID needs no scan; it holds for new rows at once");
  add.forward = {{fmt::format("{} ADD CONSTRAINT {} {} NOT VALID", alter, pg::Ident(name), definition),
                  Not(ConstraintExists(table, name))}};
  add.reverse = {{fmt::format("{} DROP CONSTRAINT IF EXISTS {}", alter, pg::Ident(name))}};
  add.reverse_title = "drop the constraint";
  add.search_path = builder.AuthorsPath();
  add.accesses = Without(add.accesses, Aspect::kRows);
  add.postcondition = {ConstraintExists(table, name), "the constraint is there"};
  add.reverse_postcondition = {Not(ConstraintExists(table, name)), "the constraint is gone"};
  add.locks = std::move(locks);
  if (!validate_rows) return;
  Step& validate = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql,
                               fmt::format("validate {} on {}", name, table.Text()),
                               "the scan runs under a lock that reads and writes pass");
  validate.forward = {{fmt::format("{} VALIDATE CONSTRAINT {}", alter, pg::Ident(name))}};
  validate.reverse_title = "nothing to undo";
  validate.search_path = builder.AuthorsPath();
  validate.accesses.clear();
  validate.postcondition = {ConstraintIsValid(table, name), "the constraint is valid"};
  validate.locks = {{table, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
}

// Whether it stands on a table that this release makes; then that is done.
bool Added(Builder& builder, const pg::QualifiedName& table, const std::string& name, const sql::Action& action,
           std::vector<Lock> locks) {
  if (!builder.Makes(table)) return false;
  AddToNewTable(builder, table, name,
                fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}{}", table.Sql(), pg::Ident(name), action.definition,
                            action.not_valid ? " NOT VALID" : ""),
                {ConstraintExists(table, name), "the constraint is there"}, std::move(locks));
  return true;
}

}  // namespace

bool ColumnsStand(Builder& builder, const sql::Action& action, const catalog::Table& table,
                  const std::vector<ColumnChange>& changes, const std::vector<std::string>& columns) {
  for (const std::string& column : columns) {
    const ColumnChange* change = ChangeOf(changes, table, column);
    const bool renamed_away = std::any_of(changes.begin(), changes.end(), [&](const ColumnChange& c) {
      return c.table == &table && c.old_name == column && (c.Renamed() || c.dropped);
    });
    if (change != nullptr && !change->dropped) continue;
    if (change == nullptr && !renamed_away && table.FindColumn(column) != nullptr) continue;
    builder.Block(table.name.Text() + "." + column,
                  renamed_away ? "this release renames or drops it" : "there is no such column",
                  "name the column as it is called after the release", action.at);
    return false;
  }
  return true;
}

void AddCheck(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  const pg::QualifiedName name = Resolve(builder.catalog(), action.relation);
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  builder.Touch(name);
  if (!builder.Stands(action.relation, action.at)) return;
  std::vector<std::string> columns;
  try {
    columns = sql::ExpressionColumns(action.expression);
  } catch (const base::Error& error) {
    builder.Block(name.Text(),
                  fmt::format("the check '{}' is no expression over one row: {}", action.expression, error.message()),
                  "write it over columns of its own row", action.at);
    return;
  }
  if (table != nullptr && !ColumnsStand(builder, action, *table, changes, columns)) return;
  if (action.no_inherit && table != nullptr && table->kind == 'p') {
    builder.Block(name.Text(), "a partitioned table can have no check that its partitions do not inherit",
                  "leave out NO INHERIT", action.at);
    return;
  }
  // The server names a check after its column where it reads just one.
  const auto constraint =
      TakeName(builder, name, action, columns.size() == 1 ? columns : std::vector<std::string>(), "check");
  if (!constraint || Added(builder, name, *constraint, action, {{name, "ACCESS EXCLUSIVE", LockWork::kScan}})) return;
  if (!action.not_valid && table != nullptr && ReadableInMigrate(changes, *table, columns)) {
    Precheck(builder, *constraint, NoRow(name, fmt::format("NOT ({})", action.expression)),
             fmt::format("no row of {} breaks CHECK ({})", name.Text(), action.expression));
  }
  AddConstraint(builder, name, *constraint, action.definition, {{name, "ACCESS EXCLUSIVE", LockWork::kNone}},
                !action.not_valid);
}

void AddForeignKey(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  const pg::QualifiedName name = Resolve(builder.catalog(), action.relation);
  const pg::QualifiedName referenced = Resolve(builder.catalog(), action.referenced);
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  const catalog::Table* target = builder.catalog().Find(action.referenced.schema, action.referenced.name);
  builder.Touch(name);
  if (!builder.Stands(action.relation, action.at) || !builder.Stands(action.referenced, action.at)) return;
  if (table != nullptr && !ColumnsStand(builder, action, *table, changes, action.columns)) return;
  if (target != nullptr && !ColumnsStand(builder, action, *target, changes, action.referenced_columns)) return;
  if (table != nullptr && table->kind == 'p' && builder.catalog().server_version < 180000) {
    builder.Block(name.Text(),
                  "a foreign key of a partitioned table cannot be added without a long lock before PostgreSQL 18",
                  "add it to each partition", action.at);
    return;
  }
  const auto constraint = TakeName(builder, name, action, action.columns, "fkey");
  if (!constraint) return;
  if (Added(builder, name, *constraint, action,
            {{name, "SHARE ROW EXCLUSIVE", LockWork::kScan}, {referenced, "SHARE ROW EXCLUSIVE", LockWork::kScan}}))
    return;
  const std::vector<std::string> keys =
      !action.referenced_columns.empty() || target == nullptr ? action.referenced_columns : target->KeyColumns();
  if (!action.not_valid && table != nullptr && target != nullptr && keys.size() == action.columns.size() &&
      ReadableInMigrate(changes, *table, action.columns)) {
    Precheck(builder, *constraint, NoOrphan(name, action.columns, referenced, keys),
             fmt::format("every {} of {} is in {}", fmt::join(action.columns, ", "), name.Text(), referenced.Text()));
  }
  AddConstraint(builder, name, *constraint, action.definition,
                {{name, "SHARE ROW EXCLUSIVE", LockWork::kNone}, {referenced, "SHARE ROW EXCLUSIVE", LockWork::kNone}},
                !action.not_valid);
}

void AddUnique(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  const pg::QualifiedName name = Resolve(builder.catalog(), action.relation);
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  builder.Touch(name);
  if (builder.Makes(name) && action.kind == sql::Kind::kAddUnique && action.using_index.empty()) {
    const auto made = TakeName(builder, name, action, action.columns, "key");
    if (made) Added(builder, name, *made, action, {{name, "ACCESS EXCLUSIVE", LockWork::kScan}});
    return;
  }
  if (table == nullptr || table->kind == 'p' || action.kind == sql::Kind::kAddPrimaryKey ||
      !action.using_index.empty()) {
    builder.Block(name.Text(), "this kind of key is not compiled into steps",
                  "write UNIQUE (columns) on a plain table, or put it into CREATE TABLE", action.at);
    return;
  }
  const sql::UniqueForm& form = action.unique_form;
  if (form.stored_apart) {
    builder.Block(name.Text(), "how its index is stored (WITH, TABLESPACE) is not compiled into steps",
                  "leave that out here, and say it by ALTER INDEX in a statement after it", action.at);
    return;
  }
  std::vector<std::string> in_index = action.columns;
  in_index.insert(in_index.end(), form.included.begin(), form.included.end());
  if (!ColumnsStand(builder, action, *table, changes, in_index)) return;
  const auto taken = TakeName(builder, name, action, in_index, "key");
  if (!taken) return;
  const std::string& constraint = *taken;
  const pg::QualifiedName index{name.schema, constraint};
  const std::string columns = pg::IdentList(action.columns);
  if (ReadableInMigrate(changes, *table, action.columns)) {
    std::vector<std::string> given = {"true"};
    for (const std::string& column : action.columns) {
      if (!form.nulls_not_distinct) given.push_back(pg::Ident(column) + " IS NOT NULL");
    }
    Precheck(builder, constraint,
             fmt::format("SELECT NOT EXISTS (SELECT FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1)", name.Sql(),
                         fmt::join(given, " AND "), columns),
             fmt::format("no two rows of {} have the same {}", name.Text(), columns));
  }
  const std::string drop =
      fmt::format("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", name.Sql(), pg::Ident(constraint));
  // A constraint goes with its index, so one way back takes both away, and those of the two steps after this one do
  // nothing: wherever a way back stops, a way forward finds both or neither.
  Step& back = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql,
                           fmt::format("way back of {} on {}: drop it with its index", constraint, name.Text()),
                           "only on the way back: what the next two steps make goes away together");
  back.reverse = {{drop}, {fmt::format("DROP INDEX IF EXISTS {}", index.Sql())}};
  back.reverse_title = "drop the constraint with its index";
  back.accesses.clear();
  back.reverse_postcondition = {Not(TableExists(index)), "the index is gone"};
  back.locks = {{name, "ACCESS EXCLUSIVE", LockWork::kNone}};
  Step& build = builder.Add(Phase::kContract, Rank::kTighten, StepKind::kConcurrent,
                            fmt::format("build the unique index {}", constraint),
                            "concurrently; only now, because it would bind the old version");
  build.forward = {
      {fmt::format("CREATE UNIQUE INDEX CONCURRENTLY {} ON {} ({}){}{}", pg::Ident(constraint), name.Sql(), columns,
                   form.included.empty() ? "" : fmt::format(" INCLUDE ({})", pg::IdentList(form.included)),
                   form.nulls_not_distinct ? " NULLS NOT DISTINCT" : "")}};
  build.reverse_title = "left to the way back of the step before";
  build.index = index.Sql();
  build.accesses = Without(build.accesses, Aspect::kRows);
  build.postcondition = {IndexIsValid(name, index), "the index is valid"};
  build.locks = {{name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
  Step& add =
      builder.Add(Phase::kContract, Rank::kTighten, StepKind::kSql,
                  fmt::format("make it the constraint {}", constraint), "the index is there, so nothing is scanned");
  add.forward = {{fmt::format("ALTER TABLE {} ADD CONSTRAINT {} UNIQUE USING INDEX {}{}{}", name.Sql(),
                              pg::Ident(constraint), pg::Ident(constraint), form.deferrable ? " DEFERRABLE" : "",
                              form.initially_deferred ? " INITIALLY DEFERRED" : ""),
                  Not(ConstraintExists(name, constraint))}};
  add.reverse_title = "left to the way back of its index";
  add.accesses = Without(add.accesses, Aspect::kRows);
  add.postcondition = {ConstraintExists(name, constraint), "the constraint is there"};
  add.locks = {{name, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

void LiftConstraint(Builder& builder, const pg::QualifiedName& table, const catalog::Constraint& constraint,
                    const std::string& why) {
  AddWayBackValidation(builder, Phase::kExpand, Rank::kInPlace, table, constraint);
  Step& step = builder.Add(Phase::kExpand, Rank::kInPlace, StepKind::kSql,
                           fmt::format("drop {} on {}", constraint.name, table.Text()), why);
  step.forward = {
      {fmt::format("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}", table.Sql(), pg::Ident(constraint.name))}};
  step.reverse = {{AddNotValid(table, constraint), Not(ConstraintExists(table, constraint.name))}};
  if (constraint.comment) {
    step.reverse->push_back({fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}", pg::Ident(constraint.name),
                                         table.Sql(), pg::Literal(*constraint.comment))});
  }
  step.reverse_title = "add it NOT VALID; it is validated where no row breaks it";
  step.postcondition = {Not(ConstraintExists(table, constraint.name)), "the constraint is gone"};
  step.reverse_postcondition = {ConstraintExists(table, constraint.name), "the constraint is there"};
  step.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
  if (constraint.type == 'f') step.locks.push_back({constraint.referenced, "ACCESS EXCLUSIVE", LockWork::kNone});
}

void DropConstraint(Builder& builder, const sql::Action& action) {
  const pg::QualifiedName name = Resolve(builder.catalog(), action.relation);
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  const catalog::Constraint* constraint = table == nullptr ? nullptr : table->FindConstraint(action.constraint);
  builder.Touch(name);
  if (constraint == nullptr) {
    builder.Block(fmt::format("{} on {}", action.constraint, name.Text()), "there is no such constraint",
                  "correct the name", action.at);
    return;
  }
  builder.names().FreeConstraint(name, constraint->name);
  if (!constraint->index.empty() && constraint->type != 'f')
    builder.names().FreeRelation({name.schema, constraint->index}, true);
  if (action.cascade || (constraint->type != 'c' && constraint->type != 'f')) {
    RunOpaque(builder, action, "a key that is dropped comes back only by building its index again", {});
    return;
  }
  LiftConstraint(builder, name, *constraint, "the new version writes rows that it forbids");
}

}  // namespace plan
