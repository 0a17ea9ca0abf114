#include "plan/sync.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace plan {
namespace {

// What the texts below are made of: the pair at one stage, seen from inside a trigger function.
struct Writer {
  const Pair& pair;
  const Stage& stage;
  const std::string& release;

  [[nodiscard]] std::string New(const std::string& column) const { return "NEW." + pg::Ident(column); }
  [[nodiscard]] std::string OldSide() const { return New(stage.old_physical); }
  [[nodiscard]] std::string NewSide() const { return New(stage.new_physical); }

  [[nodiscard]] std::string Key() const {
    std::vector<std::string> parts;
    for (const std::string& column : pair.key) parts.push_back(pg::Literal(column) + ", " + New(column));
    return fmt::format("pg_catalog.jsonb_build_object({})", fmt::join(parts, ", "));
  }

  [[nodiscard]] std::string Changed(const std::string& column, const catalog::Equality& equality) const {
    const std::string before = "OLD." + pg::Ident(column);
    return equality.exact ? Distinct(before, New(column), equality) : Unlike(before, New(column));
  }
  [[nodiscard]] std::string NewSideChanged() const { return Changed(stage.new_physical, pair.new_equality); }
  [[nodiscard]] std::string OldSideChanged() const { return Changed(stage.old_physical, pair.old_equality); }

  // For the trigger that runs once the row is written, which alone may write it down.
  [[nodiscard]] std::string Tell(const std::string& what) const {
    return fmt::format("PERFORM switchback.tell({}, {}, {});", pg::Literal(pair.suffix), Key(), what);
  }

  // side := value; what cannot be converted leaves NULL and a row in switchback.unconverted, never an error.
  [[nodiscard]] std::string Convert(const std::string& side, const std::string& value, bool can_raise,
                                    std::string_view direction) const {
    if (!can_raise) return fmt::format("{} := {};", side, value);
    return fmt::format("BEGIN {0} := {1}; EXCEPTION WHEN OTHERS THEN {0} := NULL; {2} END;", side, value,
                       Tell(fmt::format("pg_catalog.concat('{}:', SQLERRM)", direction)));
  }
  [[nodiscard]] std::string FillNew() const {
    return Convert(NewSide(), Up(pair, stage, "NEW.", Guard::kRaise), pair.up.can_raise, "up");
  }
  [[nodiscard]] std::string FillOld() const {
    return Convert(OldSide(), Down(pair, stage, "NEW.", Guard::kRaise), pair.down->can_raise, "down");
  }

  [[nodiscard]] std::string InsertBody() const {
    if (pair.OneWay()) return fmt::format("IF {} IS NULL THEN {} END IF;", NewSide(), FillNew());
    std::string body = fmt::format("IF {} IS NULL THEN ", NewSide());
    if (!pair.insert_default.empty()) {
      body += fmt::format("IF {} IS NULL THEN {} := ({}); {} RETURN NEW; END IF; ", OldSide(), NewSide(),
                          pair.insert_default, FillOld());
    }
    // An old side that is NULL may be one that cannot be converted, which has to be listed.
    return body + fmt::format("{} ELSIF {} IS NULL OR NOT {} THEN {} END IF;", FillNew(), OldSide(),
                              Consistent(pair, stage, "NEW."), FillOld());
  }

  [[nodiscard]] std::string UpdateBody() const {
    if (pair.OneWay()) return fmt::format("IF NOT ({}) THEN {} END IF;", NewSideChanged(), FillNew());
    return fmt::format("IF {0} THEN IF {1} THEN IF {2} THEN RETURN NEW; END IF; {3} END IF; {4} ELSE {5} END IF;",
                       NewSideChanged(), OldSideChanged(), Consistent(pair, stage, "NEW."), Tell("'both'"), FillOld(),
                       FillNew());
  }

  // After the users' triggers: the row was consistent before them, so they made the difference, on the side that they
  // know.
  [[nodiscard]] std::string LastBody() const {
    const bool new_wins = stage.new_wins && !pair.OneWay();
    const std::string differ =
        pair.Copies() ? Unlike(OldSide(), NewSide()) : fmt::format("NOT {}", Consistent(pair, stage, "NEW."));
    return fmt::format("IF {} THEN {} END IF;", differ, new_wins ? FillOld() : FillNew());
  }
};

struct TriggerKind {
  std::string mark;  // sorts it
  std::string event;
  std::string tail;
};

std::vector<TriggerKind> KindsOf(const Pair& pair) {
  std::vector<TriggerKind> kinds = {{"!", "INSERT", "insert"}, {"!", "UPDATE", "update"}};
  if (pair.users_before_triggers) {
    kinds.push_back({"~", "INSERT", "last"});
    kinds.push_back({"~", "UPDATE", "last"});
  }
  return kinds;
}

std::string TriggerName(const Pair& pair, const TriggerKind& kind) {
  return fmt::format("{}switchback_{}_{}", kind.mark, pair.suffix, kind.event == "INSERT" ? "insert" : "update");
}

std::string FunctionName(const Pair& pair, const std::string& tail) {
  return pg::Ident("switchback", fmt::format("sync_{}_{}", pair.suffix, tail));
}

// To pin the search path costs more than all the rest of such a trigger. Nothing in it depends on one but an author's
// default: types, operators and functions are named with their schema, and transforms pin a path of their own.
std::string PathClause(const Pair& pair, const std::string& authors_path) {
  return pair.insert_default.empty() ? "" : "SET search_path = " + authors_path;
}

std::string CreateFunction(const std::string& name, const std::string& body, const std::string& path_clause) {
  return fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql {} AS {}", name, path_clause,
                     pg::DollarQuote("BEGIN " + body + " RETURN NEW; END"));
}

// The setting counts for who may make objects in our schema, which is its owner: anybody can set it.
constexpr const char* kOutside =
    "(pg_catalog.current_setting('switchback.bypass', true) OPERATOR(pg_catalog.=) 'on') IS NOT TRUE OR NOT "
    "pg_catalog.has_schema_privilege(session_user, 'switchback', 'CREATE')";

std::string When(const Pair& pair, const Stage& stage, const std::string& release, const TriggerKind& kind) {
  if (kind.event == "INSERT") return kOutside;
  const Writer writer{pair, stage, release};
  std::vector<std::string> changed = {writer.NewSideChanged()};
  if (!pair.OneWay()) changed.push_back(writer.OldSideChanged());
  for (const std::string& column : pair.up.reads) {
    if (column != pair.old_name) changed.push_back(writer.Changed(column, {}));
  }
  std::string pending = writer.NewSide() + " IS NULL";
  if (!pair.OneWay()) pending += " AND " + writer.OldSide() + " IS NOT NULL";
  changed.push_back("(" + pending + ")");
  return fmt::format("({}) AND ({})", fmt::join(changed, " OR "), kOutside);
}

bool MayBeUnconverted(const Pair& pair) { return pair.up.can_raise || (pair.down && pair.down->can_raise); }

// After the row is written: what there is to note about it, or no more, is noted with the rights of the schema's owner.
// It evaluates nothing of anybody else's, and acts for no row but its own.
std::vector<std::string> CreateNote(const Pair& pair, const Stage& stage, const std::string& release) {
  const Writer writer{pair, stage, release};
  const std::string function = FunctionName(pair, "note");
  const auto missing = [&](const std::string& side, bool can_raise) {
    return can_raise ? side + " IS NULL" : std::string("false");
  };
  const std::string body = fmt::format(
      "PERFORM switchback.note({}, {}, {}, {}, {}, {}, {});", pg::Literal(release), pg::Literal(pair.table.Text()),
      pg::Literal(pair.new_name), pg::Literal(pair.suffix), writer.Key(), missing(writer.NewSide(), pair.up.can_raise),
      pair.OneWay() ? "false" : missing(writer.OldSide(), pair.down->can_raise));
  return {CreateFunction(function, body, "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"),
          fmt::format("REVOKE ALL ON FUNCTION {}() FROM PUBLIC", function)};
}

std::string NoteTriggerName(const Pair& pair, const std::string& event) {
  return fmt::format("~switchback_{}_note_{}", pair.suffix, event == "INSERT" ? "insert" : "update");
}

// Only a row with nothing on a side can be unconverted, or have been; and only one that changed on both can be noted as
// such.
std::string WhenNoted(const Pair& pair, const Stage& stage, const std::string& release, const std::string& event) {
  const Writer writer{pair, stage, release};
  std::vector<std::string> cases;
  for (const char* row : {"NEW.", "OLD."}) {
    if (!MayBeUnconverted(pair) || (event == "INSERT" && *row == 'O')) continue;
    cases.push_back(fmt::format("{}{} IS NULL", row, pg::Ident(stage.new_physical)));
    if (!pair.OneWay()) cases.push_back(fmt::format("{}{} IS NULL", row, pg::Ident(stage.old_physical)));
  }
  if (event == "UPDATE" && !pair.OneWay()) {
    cases.push_back(
        fmt::format("({} AND {} AND pg_catalog.current_setting('switchback.told', true) "
                    "OPERATOR(pg_catalog.<>) '')",
                    writer.NewSideChanged(), writer.OldSideChanged()));
  }
  return cases.empty() ? "" : fmt::format("({}) AND ({})", fmt::join(cases, " OR "), kOutside);
}

}  // namespace

std::string SyncTriggerName(const Pair& pair) { return TriggerName(pair, {"!", "UPDATE", "update"}); }

std::vector<std::string> ReplaceSyncFunctions(const Pair& pair, const Stage& stage, const std::string& release,
                                              const std::string& authors_path) {
  const Writer writer{pair, stage, release};
  const std::string path = PathClause(pair, authors_path);
  std::vector<std::string> statements = {CreateFunction(FunctionName(pair, "insert"), writer.InsertBody(), path),
                                         CreateFunction(FunctionName(pair, "update"), writer.UpdateBody(), path)};
  if (pair.users_before_triggers) {
    statements.push_back(CreateFunction(FunctionName(pair, "last"), writer.LastBody(), path));
  }
  for (std::string& statement : CreateNote(pair, stage, release)) statements.push_back(std::move(statement));
  return statements;
}

std::vector<std::string> CreateSync(const Pair& pair, const std::string& release, const std::string& authors_path) {
  const Stage stage = StageBeforeSwitch(pair);
  std::vector<std::string> statements = CreateTransforms(pair, authors_path);
  for (std::string& function : ReplaceSyncFunctions(pair, stage, release, authors_path)) {
    statements.push_back(std::move(function));
  }
  const auto create = [&](const std::string& name, std::string_view when_it_fires, const std::string& event,
                          const std::string& condition, const std::string& tail) {
    statements.push_back(fmt::format("CREATE TRIGGER {} {} {} ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()",
                                     pg::Ident(name), when_it_fires, event, pair.table.Sql(), condition,
                                     FunctionName(pair, tail)));
    if (!pair.subscribed) return;
    statements.push_back(fmt::format("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", pair.table.Sql(), pg::Ident(name)));
  };
  for (const TriggerKind& kind : KindsOf(pair)) {
    create(TriggerName(pair, kind), "BEFORE", kind.event, When(pair, stage, release, kind), kind.tail);
  }
  for (const char* event : {"INSERT", "UPDATE"}) {
    const std::string noted = WhenNoted(pair, stage, release, event);
    if (!noted.empty()) create(NoteTriggerName(pair, event), "AFTER", event, noted, "note");
  }
  return statements;
}

std::vector<std::string> DropSync(const Pair& pair) {
  std::vector<std::string> statements;
  for (const TriggerKind& kind : KindsOf(pair)) {
    statements.push_back(
        fmt::format("DROP TRIGGER IF EXISTS {} ON {}", pg::Ident(TriggerName(pair, kind)), pair.table.Sql()));
  }
  for (const char* event : {"INSERT", "UPDATE"}) {
    statements.push_back(
        fmt::format("DROP TRIGGER IF EXISTS {} ON {}", pg::Ident(NoteTriggerName(pair, event)), pair.table.Sql()));
  }
  statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", FunctionName(pair, "note")));
  statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", FunctionName(pair, "insert")));
  statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", FunctionName(pair, "update")));
  if (pair.users_before_triggers) {
    statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", FunctionName(pair, "last")));
  }
  for (std::string& drop : DropTransforms(pair)) statements.push_back(std::move(drop));
  return statements;
}

bool GivesValue(const std::string& function, const std::string& column) {
  return function.find(fmt::format("NEW.{} := ", pg::Ident(column))) != std::string::npos;
}

}  // namespace plan
