#include "plan/replacement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/directions.h"
#include "plan/new_column.h"
#include "plan/not_null.h"
#include "sql/rename.h"

namespace plan {
namespace {

// Types whose values applications exchange in the same form, so that one column can serve both versions after the swap.
std::string WireFamily(const std::string& type) {
  if (type == "smallint" || type == "integer" || type == "bigint") return "integer";
  if (type == "real" || type == "double precision") return "float";
  if (type.starts_with("character varying") || type == "text") return "text";
  return type.substr(0, type.find('('));
}

bool HasUsersBeforeTriggers(const catalog::Table& table) {
  return std::any_of(table.triggers.begin(), table.triggers.end(), [](const catalog::Trigger& t) {
    return !t.ours && t.before && t.row && (t.on_insert || t.on_update);
  });
}

void CheckTriggerNames(Builder& builder, const ColumnChange& change) {
  for (const catalog::Trigger& trigger : change.table->triggers) {
    if (trigger.ours || !trigger.before || !trigger.row) continue;
    if (trigger.name > "!switchback" && trigger.name < "~switchback") continue;
    builder.Block(
        fmt::format("trigger {} on {}", trigger.name, change.table->name.Text()),
        "its name sorts outside those of the triggers that keep both columns in step, so one of them would "
        "not see what it writes",
        fmt::format("ALTER TRIGGER {} ON {} RENAME TO a name between '!switchback' and '~switchback', such as "
                    "one that begins with a letter; it then fires in another order among its fellows",
                    pg::Ident(trigger.name), change.table->name.Sql()),
        change.at);
  }
}

std::optional<Direction> UpOf(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all,
                              const std::string& new_type, const std::string& suffix) {
  const release::Transform transform = TransformOf(builder, change.table->name, change.new_name);
  const std::string& expression = transform.up.empty() ? change.using_expression : transform.up;
  if (!expression.empty()) {
    return FromExpression(builder, change, all, OldWorld(*change.table), expression, new_type, "up_" + suffix);
  }
  const auto& own = builder.catalog().own_settings;
  if (const auto zone = own.find("TimeZone"); zone != own.end() && DependsOnZone(change.Old().type, new_type)) {
    builder.Block(
        change.Text(),
        fmt::format("what {} becomes as {} depends on the session's time zone: {} in a session of this role, UTC "
                    "in switchback's",
                    change.Old().type, new_type, zone->second),
        fmt::format("name the zone: ALTER COLUMN {0} TYPE {1} USING {0} AT TIME ZONE {2}, and how to come back "
                    "in release.yaml: transforms: {{{3}: {{{0}: {{down: ...}}}}}}",
                    pg::Ident(change.new_name), new_type, pg::Literal(zone->second), change.table->name.Text()),
        change.at);
    return std::nullopt;
  }
  auto direction = FromCast(builder, change.old_name, change.Old().type, new_type, "up_" + suffix);
  if (!direction) {
    builder.Block(change.Text(), fmt::format("there is no cast from {} to {}", change.Old().type, new_type),
                  fmt::format("give transforms: {{{}: {{{}: {{up: ..., down: ...}}}}}} in release.yaml",
                              change.table->name.Text(), change.new_name),
                  change.at);
  }
  return direction;
}

std::optional<Direction> DownOf(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all,
                                const std::string& new_type, const std::string& suffix) {
  const release::Transform transform = TransformOf(builder, change.table->name, change.new_name);
  if (!transform.down.empty()) {
    return FromExpression(builder, change, all, NewWorld(*change.table, change, new_type), transform.down,
                          change.Old().type, "down_" + suffix);
  }
  const bool computed = !transform.up.empty() || (!change.using_expression.empty() && !change.using_casts);
  auto direction =
      computed ? std::nullopt : FromCast(builder, change.new_name, new_type, change.Old().type, "down_" + suffix);
  if (computed) {
    builder.Block(change.Text(),
                  fmt::format("its new value is computed ({}), and nothing says how to come back from it",
                              transform.up.empty() ? change.using_expression : transform.up),
                  fmt::format("give transforms: {{{}: {{{}: {{down: ...}}}}}} in release.yaml",
                              change.table->name.Text(), change.new_name),
                  change.at);
  } else if (!direction) {
    builder.Block(change.Text(), fmt::format("there is no cast from {} back to {}", new_type, change.Old().type),
                  fmt::format("give transforms: {{{}: {{{}: {{down: ...}}}}}} in release.yaml",
                              change.table->name.Text(), change.new_name),
                  change.at);
  }
  return direction;
}

std::optional<Pair> MakePair(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all) {
  const catalog::Column& old = change.Old();
  const std::string new_type = change.type.empty() ? old.type : builder.catalog().TypeOf(change.type).name;
  Pair pair;
  pair.table = change.table->name;
  pair.retired_new = builder.NewName();
  pair.suffix = pair.retired_new.substr(pair.retired_new.find('_') + 1);
  pair.retired_old = builder.NewName();
  if (!change.Renamed()) pair.shadow = pair.retired_new;
  pair.old_name = change.old_name;
  pair.new_name = change.new_name;
  pair.old_type = old.type;
  pair.new_type = new_type;
  pair.old_equality = old.equality;
  pair.new_equality = change.type.empty() ? old.equality : builder.catalog().TypeOf(change.type).equality;
  pair.key = change.table->KeyColumns();
  pair.users_before_triggers = HasUsersBeforeTriggers(*change.table);
  pair.subscribed = change.table->subscribed;
  if (change.default_changed && change.new_default) pair.insert_default = *change.new_default;
  auto up = UpOf(builder, change, all, new_type, pair.suffix);
  auto down = DownOf(builder, change, all, new_type, pair.suffix);
  if (!up || !down) return std::nullopt;
  pair.up = std::move(*up);
  pair.down = std::move(*down);
  return pair;
}

// What hangs on the old column and is the new one's too, as RENAME and TYPE leave it: another type has its own storage.
std::vector<std::string> TraitsOf(const Pair& pair, const catalog::Column& old, bool retyped) {
  const std::string column = pg::Ident(StageBeforeSwitch(pair).new_physical);
  const std::string alter = fmt::format("ALTER TABLE {} ALTER COLUMN {} ", pair.table.Sql(), column);
  std::vector<std::string> statements;
  if (old.comment) {
    statements.push_back(
        fmt::format("COMMENT ON COLUMN {}.{} IS {}", pair.table.Sql(), column, pg::Literal(*old.comment)));
  }
  if (old.statistics) statements.push_back(fmt::format("{}SET STATISTICS {}", alter, *old.statistics));
  if (!old.storage.empty() && !retyped) statements.push_back(fmt::format("{}SET STORAGE {}", alter, old.storage));
  if (!old.compression.empty() && !retyped)
    statements.push_back(fmt::format("{}SET COMPRESSION {}", alter, old.compression));
  if (!old.options.empty()) statements.push_back(fmt::format("{}SET ({})", alter, fmt::join(old.options, ", ")));
  return statements;
}

void AddShadow(Builder& builder, const Pair& pair, const catalog::Column& old, bool retyped) {
  const std::string collation = old.collation.empty() || retyped ? "" : " COLLATE " + old.collation;
  AddColumnInStep(builder, pair, pair.new_type + collation,
                  pair.OneName() ? "the new type is filled beside the old one, and takes its name in the phase switch"
                                 : "whichever side a write changes, triggers carry it to the other, so that both "
                                   "versions find their name",
                  "kept in step with " + pair.old_name, TraitsOf(pair, old, retyped));
}

// The new column stands beside the old one; what hangs on the old one goes along.
Accesses Standing(const ColumnChange& change, const Pair& pair) {
  const std::string column = StageBeforeSwitch(pair).new_physical;
  std::vector<std::string> names(change.names.begin() + 1, change.names.end());
  Accesses accesses = change.Shaping(Mode::kWrite, Aspect::kShape, names);
  if (pair.OneName()) accesses = Join(accesses, change.Typing(Aspect::kShape, column));
  if (!pair.OneName()) accesses = Join(accesses, change.Typing(Aspect::kForm, pair.new_name));
  accesses = Join(accesses, change.Shaping(Mode::kRead, Aspect::kTraits, {pair.old_name}));
  accesses = Join(accesses, change.Typing(Aspect::kTraits, pair.old_name));
  return Join(accesses, change.Shaping(Mode::kWrite, Aspect::kTraits, names));
}

Accesses Filling(const ColumnChange& change, const Pair& pair) {
  const std::string column = StageBeforeSwitch(pair).new_physical;
  Accesses accesses = change.Shaping(Mode::kWrite, Aspect::kRows, {column});
  accesses = Join(accesses, change.Typing(Aspect::kRows, column));
  return Join(accesses, change.Shaping(Mode::kRead, Aspect::kRows, pair.up.reads));
}

void Declare(const ColumnChange& change, Replacement& replacement) {
  const Pair& pair = replacement.pair;
  const auto ends = [&](Accesses& accesses) {
    accesses = Join(accesses, change.Shaping(Mode::kEnd, Aspect::kShape, {pair.old_name}));
    for (Access access : change.Typing(Aspect::kShape, pair.old_name)) {
      access.mode = Mode::kEnd;
      accesses.push_back(access);
    }
  };
  for (const Aspect aspect : {Aspect::kShape, Aspect::kForm, Aspect::kRows, Aspect::kTraits})
    replacement.swaps = Join(replacement.swaps, change.Typing(aspect, pair.old_name));
  if (!pair.OneName()) ends(replacement.retires);
  if (change.defaulted_by != 0)
    replacement.retires.push_back(Writes(change.defaulted_by, Aspect::kForm, pair.table, pair.new_name));
  ends(replacement.purges);
  replacement.statements = change.shaped_by;
  replacement.statements.insert(replacement.statements.end(), change.typed_by.begin(), change.typed_by.end());
}

}  // namespace

bool NeedsReplacement(const Builder& builder, const ColumnChange& change) {
  if (change.dropped || change.old_name.empty()) return false;
  if (change.Renamed()) return true;
  if (change.type.empty()) return false;
  const std::string& to = builder.catalog().TypeOf(change.type).name;
  // A column with a collation of its own loses it with the new type.
  const catalog::Cast cast = builder.catalog().CastBetween(change.Old().type, to);
  return !change.using_expression.empty() || !cast.coercible || !cast.same_order || !change.Old().collation.empty();
}

std::optional<Replacement> Replace(Builder& builder, const ColumnChange& change, const std::vector<ColumnChange>& all) {
  auto pair = MakePair(builder, change, all);
  if (!pair) return std::nullopt;
  CheckTriggerNames(builder, change);
  if (change.table->kind == 'r' && !change.table->partitions.empty()) {
    builder.Block(change.Text(),
                  fmt::format("{} inherits from this table, and triggers and indexes are not inherited",
                              change.table->partitions.front().Text()),
                  "end the inheritance (ALTER TABLE ... NO INHERIT), or make it partitions", change.at);
  }
  const catalog::Column& old = change.Old();
  if (pair->OneName() && WireFamily(pair->old_type) != WireFamily(pair->new_type)) {
    builder.Block(
        change.Text(),
        fmt::format("{} and {} differ in form, so no moment exists at which both versions read the one name",
                    pair->old_type, pair->new_type),
        fmt::format(
            "take a new name, which serves both: ALTER TABLE {0} RENAME COLUMN {1} TO {2}; ALTER TABLE {0} "
            "ALTER COLUMN {2} TYPE {3}{4};",
            pair->table.Sql(), pg::Ident(pair->old_name), pg::Ident(pair->old_name + "_new"), pair->new_type,
            change.using_expression.empty()
                ? ""
                : " USING " + sql::ReplaceColumn(change.using_expression, pair->old_name, pair->old_name + "_new")),
        change.at);
    return std::nullopt;
  }
  Replacement replacement;
  replacement.pair = *pair;
  replacement.change = &change;
  replacement.default_before = old.default_expression;
  replacement.default_after = change.default_changed ? change.new_default : old.default_expression;

  builder.Remember(*pair);
  const int statement = change.Statement();
  builder.For(statement, Standing(change, *pair));
  AddShadow(builder, *pair, old, !change.type.empty());
  builder.For(statement, {});
  const bool stays_not_null = change.not_null.value_or(old.not_null);
  if (old.not_null && (pair->down->can_raise || !stays_not_null)) {
    CheckMayBeNull(builder, change);
    LoosenNotNull(builder, Phase::kExpand, Rank::kInPlace, pair->table, pair->old_name,
                  stays_not_null ? fmt::format("{} IS NOT NULL OR {} IS NOT NULL", pg::Ident(pair->old_name),
                                               pg::Ident(StageBeforeSwitch(*pair).new_physical))
                                 : "",
                  "a value of the new column that cannot be converted leaves NULL here instead of an error");
  }
  builder.For(statement, Filling(change, *pair));
  AddBackfill(builder, *pair, change.at);
  builder.For(statement, {});
  Declare(change, replacement);
  if (change.nulled_by != 0)
    builder.For(change.nulled_by, {Writes(change.nulled_by, Aspect::kForm, pair->table, pair->new_name)});
  if (stays_not_null) TightenNotNull(builder, pair->table, pair->new_name, false);
  if (stays_not_null && !(old.not_null && !pair->up.can_raise)) {
    Step& look =
        builder.Add(Phase::kMigrate, Rank::kData, StepKind::kSql,
                    fmt::format("look for NULL in {}.{}", pair->table.Text(), StageBeforeSwitch(*pair).new_physical),
                    "rows that contract would stumble over are found while there is time");
    look.precondition = {NoRow(pair->table, "t." + pg::Ident(StageBeforeSwitch(*pair).new_physical) + " IS NULL"),
                         fmt::format("no row of {} has NULL in the new column", pair->table.Text())};
    look.reverse_title = "nothing to undo";
    look.accesses =
        change.nulled_by == 0
            ? Accesses{}
            : Accesses{Reads(change.nulled_by, Aspect::kRows, pair->table, StageBeforeSwitch(*pair).new_physical)};
  }
  if (old.default_expression && change.default_changed) {
    builder.Notice(Phase::kMigrate,
                   fmt::format("{}: until contract, an INSERT that leaves out both {} and {} gets the old default, {}",
                               pair->table.Text(), pair->old_name, pair->new_name, *old.default_expression));
  }
  if (old.default_expression && !old.not_null) {
    builder.Notice(
        Phase::kMigrate,
        fmt::format(
            "{}: until contract, an INSERT of the new version that gives NULL for {} on purpose gets the default, "
            "because it cannot be told from one that leaves it out",
            pair->table.Text(), pair->new_name));
  }
  builder.Notice(
      Phase::kExpand,
      fmt::format(
          "{}: prepared SELECT * and RETURNING * fail once and must be prepared again; COPY without a column list and "
          "INSERT ... SELECT * see one column more",
          pair->table.Text()));
  return replacement;
}

}  // namespace plan
