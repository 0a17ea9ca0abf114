#include "plan/pair.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <string_view>

#include "pg/session.h"

namespace plan {
namespace {

std::string Function(const Direction& direction, Guard guard) {
  const std::string prefix = guard == Guard::kTry ? "try_" : guard == Guard::kWhy ? "why_" : "";
  return pg::Ident("switchback", prefix + direction.function);
}

// What a logical column is called now, seen from the old or from the new world.
std::string Physical(const Pair& pair, const Stage& stage, const std::string& logical, bool new_world) {
  if (new_world && logical == pair.new_name) return stage.new_physical;
  if (!new_world && logical == pair.old_name) return stage.old_physical;
  return logical;
}

std::string Call(const Pair& pair, const Stage& stage, const Direction& direction, const std::string& row, Guard guard,
                 bool new_world) {
  std::vector<std::string> arguments;
  for (const std::string& column : direction.reads) {
    arguments.push_back(row + pg::Ident(Physical(pair, stage, column, new_world)));
  }
  if (!direction.function.empty()) {
    const Guard used = direction.can_raise ? guard : Guard::kRaise;
    return fmt::format("{}({})", Function(direction, used), fmt::join(arguments, ", "));
  }
  if (direction.types.at(0) == direction.target_type) return arguments.at(0);
  return fmt::format("CAST({} AS {})", arguments.at(0), QualifiedType(direction.target_type));
}

std::string Body(const Direction& direction, Guard guard) {
  const std::string value = fmt::format("sb_value {} := NULL;", QualifiedType(direction.target_type));
  const std::string assign = fmt::format("sb_value := ({});", direction.expression);
  switch (guard) {
    case Guard::kRaise:
      return fmt::format("DECLARE {} BEGIN {} RETURN sb_value; END", value, assign);
    case Guard::kTry:
      return fmt::format("DECLARE {} BEGIN {} RETURN sb_value; EXCEPTION WHEN OTHERS THEN RETURN NULL; END", value,
                         assign);
    case Guard::kWhy:
      return fmt::format("DECLARE {} BEGIN {} RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END", value,
                         assign);
  }
  return "";
}

std::string Create(const Direction& direction, Guard guard, const std::string& authors_path) {
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < direction.reads.size(); ++i) {
    parameters.push_back(fmt::format("{} {}", pg::Ident(direction.reads[i]), QualifiedType(direction.types[i])));
  }
  return fmt::format("CREATE OR REPLACE FUNCTION {}({}) RETURNS {} LANGUAGE plpgsql SET search_path = {}{} AS {}",
                     Function(direction, guard), fmt::join(parameters, ", "),
                     guard == Guard::kWhy ? "pg_catalog.text" : QualifiedType(direction.target_type), authors_path,
                     direction.pins_settings ? pg::FunctionPins() : "", pg::DollarQuote(Body(direction, guard)));
}

std::string ArgumentTypes(const Direction& direction) {
  std::vector<std::string> types;
  for (const std::string& type : direction.types) types.push_back(QualifiedType(type));
  return fmt::format("{}", fmt::join(types, ", "));
}

std::vector<Guard> GuardsOf(const Direction& direction) {
  if (direction.function.empty()) return {};
  if (!direction.can_raise) return {Guard::kRaise};
  return {Guard::kRaise, Guard::kTry, Guard::kWhy};
}

base::Json DirectionJson(const Direction& direction) {
  return {{"function", direction.function},
          {"reads", direction.reads},
          {"types", direction.types},
          {"target_type", direction.target_type},
          {"expression", direction.expression},
          {"can_raise", direction.can_raise},
          {"pins_settings", direction.pins_settings}};
}

Direction DirectionOf(const base::Json& json) {
  return {.function = json.at("function"),
          .reads = json.at("reads"),
          .types = json.at("types"),
          .target_type = json.at("target_type"),
          .expression = json.at("expression"),
          .can_raise = json.at("can_raise"),
          .pins_settings = json.at("pins_settings")};
}

}  // namespace

Stage StageBeforeSwitch(const Pair& pair) {
  return {pair.old_name, pair.OneName() ? pair.shadow : pair.new_name, false};
}

Stage StageAfterSwitch(const Pair& pair) {
  return {pair.OneName() ? pair.retired_old : pair.old_name, pair.new_name, false};
}

Stage StageRetired(const Pair& pair) { return {pair.retired_old, pair.new_name, true}; }

std::string Up(const Pair& pair, const Stage& stage, const std::string& row, Guard guard) {
  return Call(pair, stage, pair.up, row, guard, false);
}

std::string Down(const Pair& pair, const Stage& stage, const std::string& row, Guard guard) {
  return Call(pair, stage, *pair.down, row, guard, true);
}

std::string Distinct(const std::string& left, const std::string& right, const catalog::Equality& equality) {
  const std::string as = equality.by.empty() ? "pg_catalog.text" : equality.as;
  const auto side = [&](const std::string& value) { return as.empty() ? value : fmt::format("({})::{}", value, as); };
  const std::string by = equality.by.empty() ? "pg_catalog.=" : equality.by;
  return fmt::format("(CASE WHEN {0} IS NULL THEN NOT ({1} IS NULL) ELSE ({0} OPERATOR({2}) {1}) IS NOT TRUE END)",
                     side(left), side(right), by);
}

bool Pair::Copies() const { return !OneWay() && old_type == new_type && up.function.empty() && down->function.empty(); }

std::string Unlike(const std::string& left, const std::string& right) {
  return fmt::format("pg_catalog.record_image_ne(ROW({}), ROW({}))", left, right);
}

std::string QualifiedType(const std::string& type) {
  // The grammar's own words mean the server's types whatever the path is; all else without a schema is one of its too.
  static const std::set<std::string_view> kWords = {"bigint", "bit",      "boolean",  "character",
                                                    "double", "integer",  "interval", "numeric",
                                                    "real",   "smallint", "time",     "timestamp"};
  const std::string_view word = std::string_view(type).substr(0, type.find_first_of(" (["));
  return type.empty() || type.find('.') != std::string::npos || kWords.contains(word) ? type : "pg_catalog." + type;
}

std::string Consistent(const Pair& pair, const Stage& stage, const std::string& row) {
  const std::string new_side = row + pg::Ident(stage.new_physical);
  const std::string up =
      fmt::format("NOT ({})", Distinct(new_side, Up(pair, stage, row, Guard::kTry), pair.new_equality));
  if (pair.OneWay()) return up;
  const std::string old_side = row + pg::Ident(stage.old_physical);
  return fmt::format("({} OR NOT ({}))", up,
                     Distinct(old_side, Down(pair, stage, row, Guard::kTry), pair.old_equality));
}

std::string Pending(const Pair& pair, const Stage& stage, const std::string& row) {
  const std::string new_side = row + pg::Ident(stage.new_physical);
  const std::string empty = fmt::format("({} IS NULL AND {} IS NOT NULL)", new_side, Up(pair, stage, row, Guard::kTry));
  if (pair.OneWay()) return empty;
  return fmt::format("({} OR NOT {})", empty, Consistent(pair, stage, row));
}

std::vector<std::string> CreateTransforms(const Pair& pair, const std::string& authors_path) {
  std::vector<std::string> statements;
  const auto create = [&](const Direction& direction) {
    for (const Guard guard : GuardsOf(direction)) {
      statements.push_back(Create(direction, guard, authors_path));
      // They run as whoever writes, and default privileges may withhold what everyone has otherwise.
      statements.push_back(fmt::format("GRANT EXECUTE ON FUNCTION {}({}) TO PUBLIC", Function(direction, guard),
                                       ArgumentTypes(direction)));
    }
  };
  create(pair.up);
  if (!pair.OneWay()) create(*pair.down);
  return statements;
}

std::vector<std::string> DropTransforms(const Pair& pair) {
  std::vector<std::string> statements;
  const auto drop = [&](const Direction& direction) {
    for (const Guard guard : GuardsOf(direction)) {
      statements.push_back(
          fmt::format("DROP FUNCTION IF EXISTS {}({})", Function(direction, guard), ArgumentTypes(direction)));
    }
  };
  drop(pair.up);
  if (!pair.OneWay()) drop(*pair.down);
  return statements;
}

base::Json ToJson(const Pair& pair) {
  return {{"table", base::Json::array({pair.table.schema, pair.table.name})},
          {"old_name", pair.old_name},
          {"new_name", pair.new_name},
          {"old_type", pair.old_type},
          {"new_type", pair.new_type},
          {"old_equality", {pair.old_equality.by, pair.old_equality.as}},
          {"new_equality", {pair.new_equality.by, pair.new_equality.as}},
          {"shadow", pair.shadow},
          {"retired_old", pair.retired_old},
          {"retired_new", pair.retired_new},
          {"search_path", pair.search_path},
          {"key", pair.key},
          {"up", DirectionJson(pair.up)},
          {"down", pair.down ? DirectionJson(*pair.down) : base::Json()}};
}

Pair PairFromJson(const base::Json& json) {
  Pair pair;
  pair.table = {json.at("table").at(0).get<std::string>(), json.at("table").at(1).get<std::string>()};
  pair.old_name = json.at("old_name");
  pair.new_name = json.at("new_name");
  pair.old_type = json.at("old_type");
  pair.new_type = json.at("new_type");
  pair.old_equality = {json.at("old_equality").at(0), json.at("old_equality").at(1)};
  pair.new_equality = {json.at("new_equality").at(0), json.at("new_equality").at(1)};
  pair.shadow = json.at("shadow");
  pair.retired_old = json.at("retired_old");
  pair.retired_new = json.at("retired_new");
  pair.search_path = json.at("search_path");
  pair.key = json.at("key");
  pair.up = DirectionOf(json.at("up"));
  if (!json.at("down").is_null()) pair.down = DirectionOf(json.at("down"));
  return pair;
}

}  // namespace plan
