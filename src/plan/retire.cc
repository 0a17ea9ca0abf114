#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "plan/conditions.h"
#include "plan/directions.h"
#include "plan/foreign_keys.h"
#include "plan/hangers.h"
#include "plan/new_column.h"
#include "plan/not_null.h"
#include "plan/replacement.h"
#include "plan/successors.h"
#include "plan/sync.h"

namespace plan {
namespace {

std::string Alter(const pg::QualifiedName& table) { return "ALTER TABLE " + table.Sql(); }

std::string Rename(const pg::QualifiedName& table, const std::string& from, const std::string& to) {
  return fmt::format("{} RENAME COLUMN {} TO {}", Alter(table), pg::Ident(from), pg::Ident(to));
}

std::string SetDefault(const pg::QualifiedName& table, const std::string& column,
                       const std::optional<std::string>& value) {
  return fmt::format("{} ALTER COLUMN {} {}", Alter(table), pg::Ident(column),
                     value ? "SET DEFAULT " + *value : "DROP DEFAULT");
}

void Append(std::vector<Statement>& statements, std::vector<std::string> texts) {
  for (std::string& text : texts) statements.push_back({std::move(text)});
}

std::vector<std::string> FunctionsOf(const Builder& builder, const Pair& pair, const Stage& stage) {
  return ReplaceSyncFunctions(pair, stage, builder.release().name, builder.AuthorsPath());
}

// "nextval('public.t_id_seq'::regclass)" names a sequence, already quoted; anything else gives "".
std::string SequenceOf(const std::optional<std::string>& default_expression) {
  constexpr std::string_view kHead = "nextval('";
  constexpr std::string_view kTail = "'::regclass)";
  if (!default_expression || !default_expression->starts_with(kHead) || !default_expression->ends_with(kTail))
    return "";
  std::string name = default_expression->substr(kHead.size(), default_expression->size() - kHead.size() - kTail.size());
  for (std::size_t at = name.find("''"); at != std::string::npos; at = name.find("''", at + 1)) name.erase(at, 1);
  return name;
}

// Writes the forward and the way back of one column into the table's step; the way back is put together in the opposite
// order.
void RetireReplaced(const Builder& builder, const Replacement& replacement, std::vector<Statement>& forward,
                    std::vector<Statement>& reverse) {
  const Pair& pair = replacement.pair;
  const Stage before = StageAfterSwitch(pair);
  std::vector<Statement> back;
  if (!pair.OneName()) {
    forward.push_back({Rename(pair.table, pair.old_name, pair.retired_old)});
    forward.push_back(
        {RememberRetired(builder, pair.retired_old, "column", {pair.table.schema, pair.old_name}, pair.table.Text())});
    back.push_back({Rename(pair.table, pair.retired_old, pair.old_name)});
    back.push_back({ForgetRetired(builder, pair.retired_old)});
  }
  Append(forward, FunctionsOf(builder, pair, StageRetired(pair)));
  Append(back, FunctionsOf(builder, pair, before));
  if (replacement.default_before) {
    forward.push_back({SetDefault(pair.table, pair.retired_old, std::nullopt)});
    back.push_back({SetDefault(pair.table, before.old_physical, replacement.default_before)});
  }
  if (replacement.default_after) {
    forward.push_back({SetDefault(pair.table, pair.new_name, replacement.default_after)});
    back.push_back({SetDefault(pair.table, pair.new_name, std::nullopt)});
  }
  reverse.insert(reverse.begin(), back.begin(), back.end());
}

void RetireDropped(const Builder& builder, const Dropped& dropped, std::vector<Statement>& forward,
                   std::vector<Statement>& reverse) {
  std::vector<Statement> back;
  for (const catalog::Constraint& key : dropped.foreign_keys) {
    forward.push_back({fmt::format("{} DROP CONSTRAINT {}", Alter(dropped.table), pg::Ident(key.name))});
  }
  forward.push_back({Rename(dropped.table, dropped.column, dropped.retired)});
  forward.push_back({RememberRetired(builder, dropped.retired, "column", {dropped.table.schema, dropped.column},
                                     dropped.table.Text())});
  if (dropped.fill) {
    Append(forward, CreateSync(*dropped.fill, builder.release().name, builder.AuthorsPath()));
    Append(back, DropSync(*dropped.fill));
  }
  back.push_back({Rename(dropped.table, dropped.retired, dropped.column)});
  back.push_back({ForgetRetired(builder, dropped.retired)});
  for (const catalog::Constraint& key : dropped.foreign_keys) {
    back.push_back({AddNotValid(dropped.table, key), Not(ConstraintExists(dropped.table, key.name))});
  }
  reverse.insert(reverse.begin(), back.begin(), back.end());
}

void PurgeReplaced(Builder& builder, const Replacement& replacement) {
  const Pair& pair = replacement.pair;
  builder.For(0, replacement.purges);
  Step& step = builder.Add(
      Phase::kPurge, Rank::kFinish, StepKind::kSql,
      fmt::format("drop the retired column {}.{}", pair.table.Text(), pair.old_name),
      "the rollback window is over; its indexes and constraints go with it, and their successors take their names");
  step.forward = Statements(DropSync(pair));
  const std::string sequence = SequenceOf(replacement.default_after);
  if (!sequence.empty()) {
    step.forward.push_back(
        {fmt::format("ALTER SEQUENCE {} OWNED BY {}.{}", sequence, pair.table.Sql(), pg::Ident(pair.new_name))});
  }
  const auto add = [&](std::vector<Statement> statements) {
    std::move(statements.begin(), statements.end(), std::back_inserter(step.forward));
  };
  for (const Successor& successor : replacement.successors) add(CarryOver(pair.table, successor));
  step.forward.push_back({fmt::format("{} DROP COLUMN {}", Alter(pair.table), pg::Ident(pair.retired_old))});
  for (const Successor& successor : replacement.successors) add(TakeOver(pair.table, successor));
  step.forward.push_back({ForgetRetired(builder, pair.retired_old)});
  step.reverse.reset();
  step.reverse_title = "none: only the backup has the column from here on";
  step.postcondition = {Not(ColumnExists(pair.table, pair.retired_old)), "the retired column is gone"};
  step.locks = {{pair.table, "ACCESS EXCLUSIVE", LockWork::kNone}};
  for (const Successor& successor : replacement.successors) {
    if (successor.referenced) step.locks.push_back({*successor.referenced, "ACCESS EXCLUSIVE", LockWork::kNone});
  }
}

void PurgeDropped(Builder& builder, const Dropped& dropped) {
  builder.For(0, {});
  Step& step = builder.Add(Phase::kPurge, Rank::kFinish, StepKind::kSql,
                           fmt::format("drop the retired column {}.{}", dropped.table.Text(), dropped.column),
                           "the rollback window is over");
  if (dropped.fill) step.forward = Statements(DropSync(*dropped.fill));
  step.forward.push_back({fmt::format("{} DROP COLUMN {}", Alter(dropped.table), pg::Ident(dropped.retired))});
  step.forward.push_back({ForgetRetired(builder, dropped.retired)});
  step.reverse.reset();
  step.reverse_title = "none: only the backup has the column from here on";
  step.postcondition = {Not(ColumnExists(dropped.table, dropped.retired)), "the retired column is gone"};
  step.locks = {{dropped.table, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

// Whether a row that leaves the column out is sure to pass: it has NULL there, and the check is plain comparisons of
// this column, which give NULL.
bool AllowsLeavingOut(const catalog::Constraint& check, const catalog::Column& column) {
  if (column.default_expression || check.columns.size() != 1) return false;
  std::string text = check.definition;
  // What is quoted is no word of the language, but a name or a value.
  text = std::regex_replace(text, std::regex(R"("[^"]*"|'[^']*')"), "0");
  static const std::regex kSeesNull(
      R"(\b(IS|CASE|COALESCE|NULLIF|GREATEST|LEAST|DISTINCT)\b|\b(?!CHECK\b|ANY\b|ALL\b|AND\b|OR\b|NOT\b)[a-z_]\w*\s*\()",
      std::regex::icase);
  return !std::regex_search(text, kSeesNull);
}

}  // namespace

Dropped Drop(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all) {
  const catalog::Column& old = change.Old();
  Dropped dropped;
  builder.For(change.Statement(), {});
  dropped.retires = change.Shaping(Mode::kEnd, Aspect::kShape, {change.old_name});
  for (const Aspect aspect : {Aspect::kForm, Aspect::kRows, Aspect::kTraits})
    dropped.retires = Join(dropped.retires, change.Shaping(Mode::kWrite, aspect, {change.old_name}));
  dropped.table = change.table->name;
  dropped.column = change.old_name;
  dropped.retired = builder.NewName();
  Pair gone;
  gone.table = dropped.table;
  gone.old_name = dropped.column;
  gone.old_type = old.type;
  gone.old_equality = old.equality;
  gone.retired_old = dropped.retired;
  builder.Remember(gone);
  for (const catalog::Constraint& constraint : change.table->constraints) {
    if (constraint.type != 'f' ||
        std::find(constraint.columns.begin(), constraint.columns.end(), change.old_name) == constraint.columns.end())
      continue;
    dropped.foreign_keys.push_back(constraint);
    // Until it is gone, it forbids deletes there.
    dropped.retires.push_back(Writes(change.Statement(), Aspect::kRules, constraint.referenced));
    AddWayBackValidation(builder, Phase::kContract, Rank::kTighten, dropped.table, constraint);
  }
  const std::string down = TransformOf(builder, dropped.table, change.old_name).down;
  if (!down.empty()) {
    Pair fill;
    fill.table = dropped.table;
    fill.retired_new = dropped.retired;
    fill.suffix = dropped.retired.substr(dropped.retired.find('_') + 1);
    fill.new_name = dropped.retired;
    fill.new_type = old.type;
    fill.new_equality = old.equality;
    fill.key = change.table->KeyColumns();
    auto direction =
        FromExpression(builder, change, all, NewWorld(*change.table, change, ""), down, old.type, "up_" + fill.suffix);
    if (direction) {
      fill.up = std::move(*direction);
      dropped.fill = std::move(fill);
    }
  }
  for (const catalog::Constraint& constraint : change.table->constraints) {
    if (constraint.type == 'c' && Names(constraint.columns, change.old_name) && !AllowsLeavingOut(constraint, old))
      LiftConstraint(builder, dropped.table, constraint, "rows of the new version leave the column out");
  }
  if (old.not_null && !old.default_expression && old.identity == 0) {
    CheckMayBeNull(builder, change);
    LoosenNotNull(builder, Phase::kExpand, Rank::kInPlace, dropped.table, change.old_name, "",
                  "the new version's rows leave it out");
    builder.Notice(
        Phase::kExpand,
        fmt::format(
            "{}: rows of the new version have NULL there, which the old version reads{}; an undo keeps them and "
            "leaves NOT NULL as a check that is NOT VALID{}",
            change.Text(), dropped.fill ? " until contract" : "",
            dropped.fill ? "" : ", unless transforms give a `down` for it"));
  }
  builder.Notice(
      Phase::kContract,
      fmt::format("{}: statements that name {} fail from here on, and prepared SELECT * must be prepared again",
                  dropped.table.Text(), change.old_name));
  return dropped;
}

void SwapNames(Builder& builder, const pg::QualifiedName& table, const std::vector<Replacement>& replacements) {
  const bool any =
      std::any_of(replacements.begin(), replacements.end(), [](const Replacement& r) { return r.pair.OneName(); });
  if (!any) return;
  Accesses accesses;
  for (const Replacement& replacement : replacements) {
    if (replacement.pair.OneName()) accesses = Join(accesses, replacement.swaps);
  }
  builder.For(0, std::move(accesses));
  Step& step = builder.Add(Phase::kSwitch, Rank::kSwap, StepKind::kSql, fmt::format("swap names in {}", table.Text()),
                           "the one moment at which both versions change sides");
  std::string done;
  std::vector<Statement> reverse;
  for (const Replacement& replacement : replacements) {
    const Pair& pair = replacement.pair;
    if (!pair.OneName()) continue;
    step.forward.push_back({Rename(table, pair.old_name, pair.retired_old)});
    step.forward.push_back({Rename(table, pair.shadow, pair.new_name)});
    step.forward.push_back(
        {RememberRetired(builder, pair.retired_old, "column", {table.schema, pair.old_name}, table.Text())});
    Append(step.forward, FunctionsOf(builder, pair, StageAfterSwitch(pair)));
    reverse.push_back({Rename(table, pair.new_name, pair.shadow)});
    reverse.push_back({Rename(table, pair.retired_old, pair.old_name)});
    reverse.push_back({ForgetRetired(builder, pair.retired_old)});
    Append(reverse, FunctionsOf(builder, pair, StageBeforeSwitch(pair)));
    done = pair.retired_old;
    builder.Notice(Phase::kSwitch,
                   fmt::format("{}: prepared statements that return {} fail once (\"cached plan must "
                               "not change result type\") and must be "
                               "prepared again; it comes as {} from here on. INSERT without a column list still "
                               "gives its value to the old column, in the old type",
                               table.Text(), pair.new_name, pair.new_type));
  }
  step.reverse = std::move(reverse);
  step.reverse_title = "swap them back";
  step.postcondition = {ColumnExists(table, done), "the names are swapped"};
  step.reverse_postcondition = {Not(ColumnExists(table, done)), "the names are as before"};
  step.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
}

void RetireNames(Builder& builder, const pg::QualifiedName& table, const std::vector<Replacement>& replacements,
                 const std::vector<Dropped>& dropped) {
  Accesses accesses;
  for (const Replacement& replacement : replacements) accesses = Join(accesses, replacement.retires);
  for (const Dropped& entry : dropped) accesses = Join(accesses, entry.retires);
  builder.For(0, std::move(accesses));
  Step& step = builder.Add(Phase::kContract, Rank::kRetire, StepKind::kSql,
                           fmt::format("retire the old columns of {}", table.Text()),
                           "renamed away and kept in step: they come back in milliseconds at any table size");
  std::vector<Statement> reverse;
  std::string sign;
  for (const Replacement& replacement : replacements) {
    RetireReplaced(builder, replacement, step.forward, reverse);
    if (!replacement.pair.OneName()) {
      sign = replacement.pair.retired_old;
      builder.Notice(
          Phase::kContract,
          fmt::format("{}: statements that name {} fail from here on, and prepared SELECT * must be prepared again",
                      table.Text(), replacement.pair.old_name));
    }
  }
  for (const Dropped& entry : dropped) {
    RetireDropped(builder, entry, step.forward, reverse);
    sign = entry.retired;
  }
  step.reverse = std::move(reverse);
  step.reverse_title = "bring the old names back";
  step.search_path = builder.AuthorsPath();
  if (!sign.empty()) {
    step.postcondition = {ColumnExists(table, sign), "the old names are retired"};
    step.reverse_postcondition = {Not(ColumnExists(table, sign)), "the old names are back"};
  }
  step.locks = {{table, "ACCESS EXCLUSIVE", LockWork::kNone}};
  for (const Dropped& entry : dropped) {
    for (const catalog::Constraint& key : entry.foreign_keys)
      step.locks.push_back({key.referenced, "ACCESS EXCLUSIVE", LockWork::kNone});
  }
  for (const Replacement& replacement : replacements) PurgeReplaced(builder, replacement);
  for (const Dropped& entry : dropped) PurgeDropped(builder, entry);
}

}  // namespace plan
