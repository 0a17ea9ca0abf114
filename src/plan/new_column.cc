#include "plan/new_column.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/directions.h"
#include "plan/not_null.h"
#include "plan/rules.h"
#include "plan/sync.h"
#include "plan/users_triggers.h"

namespace plan {
namespace {

// ADD, and RENAME after it.
Accesses Adding(const Builder& builder, const ColumnChange& change, const std::string& written) {
  const int statement = change.shaped_by.front();
  Accesses accesses = change.Shaping(Mode::kWrite, Aspect::kShape, change.names);
  accesses.push_back(Writes(statement, Aspect::kForm, change.table->name, change.new_name));
  return Join(Join(accesses, change.Typing(Aspect::kForm, change.new_name)),
              builder.effects().OfExpression(statement, "CAST(" + written + ")"));
}

// A column whose value for existing and for old-version rows has to be computed: filled by trigger and backfill until
// the old version is gone.
void AddFilledColumn(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all,
                     const std::string& type) {
  const sql::ColumnDef& def = *change.added;
  const release::Transform transform = TransformOf(builder, change.table->name, def.name);
  Pair pair;
  pair.table = change.table->name;
  pair.retired_new = builder.NewName();
  pair.suffix = pair.retired_new.substr(pair.retired_new.find('_') + 1);
  pair.new_name = def.name;
  pair.new_type = type;
  pair.new_equality = builder.catalog().TypeOf(def.type).equality;
  pair.new_equality.exact = pair.new_equality.exact && def.extras.empty();  // COLLATE may be among them
  pair.key = change.table->KeyColumns();
  pair.users_before_triggers = std::any_of(change.table->triggers.begin(), change.table->triggers.end(),
                                           [](const catalog::Trigger& t) { return !t.ours && t.before && t.row; });
  pair.subscribed = change.table->subscribed;
  auto up = FromExpression(builder, change, all, OldWorld(*change.table),
                           transform.up.empty() ? *def.default_text : transform.up, type, "up_" + pair.suffix);
  if (!up) return;
  pair.up = std::move(*up);

  const int statement = change.shaped_by.front();
  const auto form = [&](int by) {
    builder.For(by == 0 ? statement : by, {Writes(by == 0 ? statement : by, Aspect::kForm, pair.table, def.name)});
  };
  builder.For(statement, Adding(builder, change, "NULL AS " + def.type));
  AddColumnInStep(builder, pair, type, "without a default, so that nothing is rewritten",
                  "filled in rows that leave it out");
  Accesses fills = builder.effects().OfExpression(statement, pair.up.expression);
  fills.push_back(Writes(statement, Aspect::kRows, pair.table, def.name));
  for (const std::string& read : pair.up.reads) fills.push_back(Reads(statement, Aspect::kRows, pair.table, read));
  builder.For(statement, std::move(fills));
  AddBackfill(builder, pair, change.at);
  form(change.nulled_by);
  if (def.not_null) TightenNotNull(builder, pair.table, def.name, true);

  form(change.defaulted_by);
  Step& finish = builder.Add(Phase::kContract, Rank::kFinish, StepKind::kSql,
                             fmt::format("let {}.{} stand on its own", pair.table.Text(), def.name),
                             "the old version is gone, and the new one gives the value");
  const std::string alter = fmt::format("ALTER TABLE {} ALTER COLUMN {} ", pair.table.Sql(), pg::Ident(def.name));
  finish.forward = Statements(DropSync(pair));
  finish.reverse = Statements(CreateSync(pair, builder.release().name, builder.AuthorsPath()));
  const std::optional<std::string>& last = change.default_changed ? change.new_default : def.default_text;
  if (last) {
    finish.forward.push_back({alter + "SET DEFAULT " + *last});
    finish.reverse->insert(finish.reverse->begin(), {alter + "DROP DEFAULT"});
  }
  finish.reverse_title = "create the triggers again";
  finish.search_path = builder.AuthorsPath();
  finish.postcondition = {Not(TriggerExists(pair.table, SyncTriggerName(pair))), "the triggers are gone"};
  finish.reverse_postcondition = {TriggerExists(pair.table, SyncTriggerName(pair)), "the triggers are there"};
  finish.locks = {{pair.table, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

}  // namespace

std::vector<Statement> Statements(std::vector<std::string> texts) {
  std::vector<Statement> statements;
  for (std::string& text : texts) statements.push_back({std::move(text)});
  return statements;
}

namespace {

Step& ColumnStep(Builder& builder, const pg::QualifiedName& table, const std::string& column,
                 const std::string& retired, const std::string& definition, const std::string& why) {
  Step& step = builder.Add(Phase::kExpand, Rank::kColumns, StepKind::kSql,
                           fmt::format("add column {}.{} {}", table.Text(), column, definition), why);
  const std::string alter = "ALTER TABLE " + table.Sql();
  step.reverse_title = "keep it: its name is generated, and no application knows it";
  if (column != retired) {
    step.forward.push_back({fmt::format("{} RENAME COLUMN {} TO {}", alter, pg::Ident(retired), pg::Ident(column)),
                            ColumnExists(table, retired)});
    step.forward.push_back({ForgetRetired(builder, retired)});
    step.reverse = {{fmt::format("{} RENAME COLUMN {} TO {}", alter, pg::Ident(column), pg::Ident(retired))},
                    {RememberRetired(builder, retired, "column", {table.schema, column}, table.Text())}};
    step.reverse_postcondition = {Not(ColumnExists(table, column)), "the new name is gone"};
    step.reverse_title = "retire it with its values";
  }
  step.forward.push_back(
      {fmt::format("{} ADD COLUMN {} {}", alter, pg::Ident(column), definition), Not(ColumnExists(table, column))});
  step.search_path = builder.AuthorsPath();
  step.postcondition = {ColumnExists(table, column), "the column is there"};
  step.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
  builder.Notice(
      Phase::kExpand,
      fmt::format(
          "{}: prepared SELECT * and RETURNING * fail once and must be prepared again; COPY without a column list and "
          "INSERT ... SELECT * see one column more",
          table.Text()));
  const catalog::Table* known = builder.catalog().Find(table.schema, table.name);
  if (known == nullptr) return step;
  for (const catalog::Dependent& dependent : known->dependents) {
    if (dependent.kind != catalog::Dependent::Kind::kPublication || !dependent.columns.empty()) continue;
    builder.Notice(Phase::kExpand,
                   fmt::format("{}: publication {} sends {} too; a subscriber stops until its table has it",
                               table.Text(), dependent.name, column));
  }
  return step;
}

}  // namespace

void AddColumnStep(Builder& builder, const pg::QualifiedName& table, const std::string& column,
                   const std::string& retired, const std::string& definition, const std::string& why) {
  ColumnStep(builder, table, column, retired, definition, why);
}

void AddColumnInStep(Builder& builder, const Pair& pair, const std::string& definition, const std::string& why,
                     const std::string& kept, const std::vector<std::string>& traits) {
  const std::string column = StageBeforeSwitch(pair).new_physical;
  Step& step = ColumnStep(builder, pair.table, column, pair.retired_new, definition, why);
  step.title += ", " + kept;
  for (const std::string& trait : traits) step.forward.push_back({trait});
  const std::string triggers = TriggerExists(pair.table, SyncTriggerName(pair));
  for (Statement& create : Statements(CreateSync(pair, builder.release().name, builder.AuthorsPath())))
    step.forward.push_back(std::move(create));
  step.postcondition = {And(step.postcondition.sql, triggers), "the column and its triggers are there"};
  std::vector<Statement> back = Statements(DropSync(pair));
  back.insert(back.end(), step.reverse->begin(), step.reverse->end());
  step.reverse = std::move(back);
  step.reverse_title = "drop the triggers; " + step.reverse_title;
  const std::string untriggered = Not(triggers);
  step.reverse_postcondition = pair.OneName() ? Condition{untriggered, "the triggers are gone"}
                                              : Condition{And(step.reverse_postcondition.sql, untriggered),
                                                          "the new name and its triggers are gone"};
}

void AddBackfill(Builder& builder, const Pair& pair, const sql::Location& at) {
  const Stage stage = StageBeforeSwitch(pair);
  Step& step = builder.Add(Phase::kMigrate, Rank::kBackfill, StepKind::kBackfill,
                           fmt::format("fill {}.{}", pair.table.Text(), stage.new_physical),
                           "in short batches, only rows that no write has filled yet");
  Backfill backfill;
  backfill.table = pair.table;
  backfill.column = stage.new_physical;
  backfill.pending = Pending(pair, stage, "t.");
  backfill.value = Up(pair, stage, "t.", Guard::kTry);
  backfill.key = pair.key;
  if (pair.up.can_raise) {
    const std::string why = Up(pair, stage, "t.", Guard::kWhy);
    backfill.unconverted = fmt::format("t.{} IS NULL AND {} IS NOT NULL", pg::Ident(stage.new_physical), why);
    backfill.unconverted_reason = why;
  }
  SettleTriggers(builder, at, backfill);
  step.postcondition = {NoRow(pair.table, backfill.pending), "no row is left to fill", true};
  step.reverse_title = "keep what was filled";
  step.locks = {{pair.table, "ROW EXCLUSIVE", LockWork::kNone}};
  step.footprint = {{pair.table, {stage.new_physical}}};
  step.backfill = std::move(backfill);
}

// For what a column's definition may say beside its type, default and NOT NULL.
std::string RemedyFor(const std::string& extra) {
  if (extra == "IDENTITY" || extra == "SERIAL") {
    return "it would rewrite the table; write CREATE SEQUENCE, and the column with DEFAULT nextval(...): its rows are "
           "filled in batches";
  }
  if (extra == "GENERATED") {
    return "it would rewrite the table; write a plain column, and its expression as `up` under transforms: in "
           "release.yaml";
  }
  if (extra == "COLLATE" || extra == "COMPRESSION" || extra == "OPTIONS") {
    return "make it part of a type of its own (CREATE DOMAIN ... COLLATE ...), or leave it out";
  }
  return "write it as a statement of its own, ALTER TABLE ... ADD CONSTRAINT or CREATE INDEX";
}

void AddColumn(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all) {
  const sql::ColumnDef& def = *change.added;
  if (!def.extras.empty()) {
    builder.Block(change.Text(), fmt::format("its definition says {}", fmt::join(def.extras, ", ")),
                  RemedyFor(def.extras.front()), change.at);
    return;
  }
  const catalog::Type& type = builder.catalog().TypeOf(def.type);
  if (!type.exists) {
    builder.Block(change.Text(), fmt::format("there is no type {}", def.type),
                  "create the type in a release before this one", change.at);
    return;
  }
  const bool transformed = !TransformOf(builder, change.table->name, def.name).up.empty();
  const bool computed = transformed || (def.default_text && !def.default_is_constant);
  if (computed) return AddFilledColumn(builder, change, all, type.name);
  if (def.not_null && !def.default_text) {
    builder.Block(change.Text(), "it is NOT NULL, and nothing says what existing rows get",
                  fmt::format("give it a DEFAULT, or transforms: {{{}: {{{}: {{up: ...}}}}}} in release.yaml",
                              change.table->name.Text(), def.name),
                  change.at);
    return;
  }
  Accesses adds = Adding(builder, change, def.default_text.value_or("NULL") + " AS " + def.type);
  adds.push_back(Writes(change.shaped_by.front(), Aspect::kRows, change.table->name, def.name));
  builder.For(change.shaped_by.front(), std::move(adds));
  std::string definition = type.name;
  if (def.default_text) definition += " DEFAULT " + *def.default_text;
  if (def.not_null) definition += " NOT NULL";
  AddColumnStep(builder, change.table->name, def.name, builder.NewName(), definition,
                def.default_text ? "a constant default is kept in the catalog, so nothing is rewritten"
                                 : "without a default, so that nothing is rewritten");
  if (change.default_changed && (def.default_text || change.new_default))
    ChangeDefault(builder, change, def.default_text);
}

}  // namespace plan
