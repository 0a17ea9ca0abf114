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

  [[nodiscard]] std::string Changed(const std::string& column, bool has_equality) const {
    return Distinct("OLD." + pg::Ident(column), New(column), has_equality);
  }
  [[nodiscard]] std::string NewSideChanged() const { return Changed(stage.new_physical, pair.new_has_equality); }
  [[nodiscard]] std::string OldSideChanged() const { return Changed(stage.old_physical, pair.old_has_equality); }

  // side := value; what cannot be converted leaves NULL and a row in switchback.unconverted, never an error. A row that
  // had nothing on that side may be listed, and is no more.
  [[nodiscard]] std::string Convert(const std::string& side, const std::string& value, bool can_raise,
                                    std::string_view direction) const {
    if (!can_raise) return fmt::format("{} := {};", side, value);
    const std::string place = fmt::format("{}, {}, {}, {}", pg::Literal(release), pg::Literal(pair.table.Text()),
                                          pg::Literal(pair.new_name), Key());
    const std::string forget =
        pair.key.empty()
            ? ""
            : fmt::format("IF TG_OP = 'UPDATE' AND {} IS NULL THEN PERFORM switchback.forget_unconverted({}); END IF; ",
                          side, place);
    return fmt::format(
        "BEGIN {2}{0} := {1}; EXCEPTION WHEN OTHERS THEN {0} := NULL; "
        "PERFORM switchback.note_unconverted({3}, {4}, SQLERRM); END;",
        side, value, forget, place, pg::Literal(direction));
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
    return fmt::format(
        "IF {0} THEN IF {1} THEN IF {2} THEN RETURN NEW; END IF; "
        "PERFORM switchback.note_both_changed({3}, {4}, {5}, {6}); END IF; {7} ELSE {8} END IF;",
        NewSideChanged(), OldSideChanged(), Consistent(pair, stage, "NEW."), pg::Literal(release),
        pg::Literal(pair.table.Text()), pg::Literal(pair.new_name), Key(), FillOld(), FillNew());
  }

  // After the users' triggers: the row was consistent before them, so they made the difference, on the side that they
  // know.
  [[nodiscard]] std::string LastBody() const {
    const bool new_wins = stage.new_wins && !pair.OneWay();
    return fmt::format("IF NOT {} THEN {} END IF;", Consistent(pair, stage, "NEW."), new_wins ? FillOld() : FillNew());
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

bool IsBuiltIn(const std::string& type) { return type.find_first_of(".\"") == std::string::npos; }

// To pin the search path costs more than all the rest of such a trigger. Between types of the server itself nothing
// depends on it: pg_catalog is looked into first, transforms are named with their schema and pin a path of their own.
std::string PathClause(const Pair& pair, const std::string& authors_path) {
  const bool free = pair.insert_default.empty() && IsBuiltIn(pair.old_type) && IsBuiltIn(pair.new_type);
  return free ? "" : "SET search_path = " + authors_path;
}

std::string CreateFunction(const std::string& name, const std::string& body, const std::string& path_clause) {
  return fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql {} AS {}", name, path_clause,
                     pg::DollarQuote("BEGIN " + body + " RETURN NEW; END"));
}

std::string When(const Pair& pair, const Stage& stage, const std::string& release, const TriggerKind& kind) {
  const std::string outside = "pg_catalog.current_setting('switchback.bypass', true) IS DISTINCT FROM 'on'";
  if (kind.event == "INSERT") return outside;
  const Writer writer{pair, stage, release};
  std::vector<std::string> changed = {writer.NewSideChanged()};
  if (!pair.OneWay()) changed.push_back(writer.OldSideChanged());
  for (const std::string& column : pair.up.reads) {
    if (column != pair.old_name) changed.push_back(writer.Changed(column, false));
  }
  std::string pending = writer.NewSide() + " IS NULL";
  if (!pair.OneWay()) pending += " AND " + writer.OldSide() + " IS NOT NULL";
  changed.push_back("(" + pending + ")");
  return fmt::format("({}) AND {}", fmt::join(changed, " OR "), outside);
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
  return statements;
}

std::vector<std::string> CreateSync(const Pair& pair, const std::string& release, const std::string& authors_path) {
  const Stage stage = StageBeforeSwitch(pair);
  std::vector<std::string> statements = CreateTransforms(pair, authors_path);
  for (std::string& function : ReplaceSyncFunctions(pair, stage, release, authors_path)) {
    statements.push_back(std::move(function));
  }
  for (const TriggerKind& kind : KindsOf(pair)) {
    statements.push_back(fmt::format("CREATE TRIGGER {} BEFORE {} ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()",
                                     pg::Ident(TriggerName(pair, kind)), kind.event, pair.table.Sql(),
                                     When(pair, stage, release, kind), FunctionName(pair, kind.tail)));
    if (pair.subscribed) {
      statements.push_back(
          fmt::format("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", pair.table.Sql(), pg::Ident(TriggerName(pair, kind))));
    }
  }
  return statements;
}

std::vector<std::string> DropSync(const Pair& pair) {
  std::vector<std::string> statements;
  for (const TriggerKind& kind : KindsOf(pair)) {
    statements.push_back(
        fmt::format("DROP TRIGGER IF EXISTS {} ON {}", pg::Ident(TriggerName(pair, kind)), pair.table.Sql()));
  }
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
