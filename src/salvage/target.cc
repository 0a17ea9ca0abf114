#include "salvage/target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "salvage/sql_text.h"

namespace salvage {
namespace {

int Find(const stream::Relation& relation, const std::string& name) {
  const auto found = std::find_if(relation.columns.begin(), relation.columns.end(),
                                  [&](const stream::Column& column) { return column.name == name; });
  return name.empty() || found == relation.columns.end() ? Shape::kNowhere
                                                         : static_cast<int>(found - relation.columns.begin());
}

// Both sides of a pair, by what the columns are called at that time.
struct Sides {
  int old_side = Shape::kNowhere;
  int new_side = Shape::kNowhere;
};

Sides SidesOf(const plan::Pair& pair, const Table& table, const stream::Relation& relation) {
  const int retired = Find(relation, pair.retired_old);
  const int named = Find(relation, pair.old_name);
  Sides sides{retired, Shape::kNowhere};
  if (!pair.OneName()) {
    sides.new_side = Find(relation, pair.new_name);
    if (retired == Shape::kNowhere) sides.old_side = named;
    return sides;
  }
  sides.new_side = retired == Shape::kNowhere ? Find(relation, pair.shadow) : Find(relation, pair.new_name);
  if (retired != Shape::kNowhere || named == Shape::kNowhere) return sides;
  // Once the old column is dropped for good, the new one alone has the name.
  const std::size_t place = table.Place(pair.old_name);
  const bool is_old = place < table.columns.size() &&
                      relation.columns[static_cast<std::size_t>(named)].type == table.columns[place].type_oid;
  (is_old ? sides.old_side : sides.new_side) = named;
  return sides;
}

void ReadDeciding(Targets& targets, pg::Connection& server) {
  const pg::Result rows = server.Query(std::string(sql_text::kReadDeciding));
  for (int row = 0; row < rows.rows(); ++row) {
    const auto root = targets.tables.find(rows.Int(row, 0));
    if (root == targets.tables.end()) continue;
    Table& table = *root->second;
    if (const std::size_t place = table.Place(rows.Text(row, 1)); place < table.columns.size()) {
      table.columns[place].decides = true;
    }
  }
}

constexpr const char* kOld = "sb old";
constexpr const char* kNew = "sb new";

}  // namespace

std::size_t Table::Place(const std::string& column) const {
  return static_cast<std::size_t>(
      std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == column; }) -
      columns.begin());
}

std::string Table::Lacking(const std::string& said) const {
  constexpr std::size_t kMost = 5;
  if (lacking.empty() || said.find("no partition of relation") == std::string::npos) return "";
  const std::vector<std::string> some(lacking.begin(),
                                      lacking.begin() + static_cast<std::ptrdiff_t>(std::min(lacking.size(), kMost)));
  return fmt::format("; of the old server's partitions it lacks {}{}", fmt::join(some, ", "),
                     lacking.size() > kMost ? fmt::format(" and {} more", lacking.size() - kMost) : "");
}

const Table* Targets::Find(std::int64_t oid) const {
  const auto found = tables.find(oid);
  return found == tables.end() ? nullptr : found->second.get();
}

Targets ReadTargets(pg::Connection& restored, const plan::Plan& plan, const std::set<std::int64_t>& unseen) {
  Targets targets;
  std::map<std::int64_t, std::map<std::int64_t, std::size_t>> keys;
  std::map<std::int64_t, std::int64_t> key_sizes;
  const pg::Result rows = restored.Query(std::string(sql_text::kReadColumns));
  for (int row = 0; row < rows.rows(); ++row) {
    std::shared_ptr<Table>& table = targets.tables[rows.Int(row, 0)];
    if (!table) {
      table = std::make_shared<Table>();
      table->oid = rows.Int(row, 0);
      table->name = {rows.Text(row, 1), rows.Text(row, 2)};
      table->partitioned = rows.Text(row, 3) == "p";
      table->unseen = unseen.count(table->oid) > 0;
      for (const plan::Pair& pair : plan.pairs) {
        if (pair.table != table->name) continue;
        table->pairs.push_back(pair);
        table->comparable.push_back(!pair.new_name.empty() && HasTypes(restored, pair));
      }
    }
    if (const std::int64_t place = rows.Int(row, 7); place > 0) keys[table->oid][place] = table->columns.size();
    key_sizes[table->oid] = rows.Int(row, 10);
    const auto additive = plan.additive.find(table->name);
    table->columns.push_back(
        {.name = rows.Text(row, 4),
         .type = rows.Text(row, 5),
         .type_oid = static_cast<std::uint32_t>(rows.Int(row, 6)),
         .one_spelling = rows.Bool(row, 11),
         .in_unique = rows.Bool(row, 8),
         .additive = additive != plan.additive.end() && additive->second.count(rows.Text(row, 4)) > 0,
         .sequence = rows.Text(row, 9)});
  }
  for (const auto& [oid, places] : keys) {
    // A column that is generated is no value of its own, and the stream does not have it.
    if (static_cast<std::int64_t>(places.size()) != key_sizes[oid]) continue;
    for (const auto& [place, column] : places) targets.tables[oid]->key.push_back(column);
  }
  for (const auto& target : targets.tables) {
    Table& table = *target.second;
    table.one_spelling = std::all_of(table.key.begin(), table.key.end(),
                                     [&table](std::size_t column) { return table.columns[column].one_spelling; });
  }
  ReadDeciding(targets, restored);
  const pg::Result partitions = restored.Query(std::string(sql_text::kReadPartitions));
  for (int row = 0; row < partitions.rows(); ++row) {
    const auto root = targets.tables.find(partitions.Int(row, 1));
    if (root == targets.tables.end()) continue;
    if (unseen.count(partitions.Int(row, 0)) > 0) root->second->unseen = true;
    root->second->bounds.insert(partitions.Text(row, 3));
    const auto additive = plan.additive.find({partitions.Text(row, 4), partitions.Text(row, 5)});
    for (Column& column : root->second->columns) {
      column.additive |= additive != plan.additive.end() && additive->second.count(column.name) > 0;
    }
    targets.tables[partitions.Int(row, 0)] = root->second;
  }
  return targets;
}

void AddPartitions(Targets& targets, pg::Connection& old_server) {
  ReadDeciding(targets, old_server);
  const pg::Result partitions = old_server.Query(std::string(sql_text::kReadPartitions));
  for (int row = 0; row < partitions.rows(); ++row) {
    const auto root = targets.tables.find(partitions.Int(row, 1));
    if (root == targets.tables.end()) continue;
    targets.tables.try_emplace(partitions.Int(row, 0), root->second);
    if (root->second->bounds.count(partitions.Text(row, 3)) > 0) continue;
    root->second->lacking.push_back(partitions.Text(row, 2) + " " + partitions.Text(row, 3));
  }
}

bool HasTypes(pg::Connection& restored, const plan::Pair& pair) {
  std::vector<std::string> types = pair.up.types;
  types.insert(types.end(), {pair.old_type, pair.new_type});
  if (pair.down) types.insert(types.end(), pair.down->types.begin(), pair.down->types.end());
  return std::all_of(types.begin(), types.end(), [&](const std::string& type) {
    return restored.Query("SELECT to_regtype($1) IS NOT NULL", {type}).Bool(0, 0);
  });
}

Shape ShapeOf(const Table& table, const stream::Relation& relation) {
  Shape shape;
  std::map<std::string, int> old_world;
  std::map<std::string, int> new_world;
  std::vector<bool> known(relation.columns.size());
  std::vector<Sides> sides;
  for (const plan::Pair& pair : table.pairs) {
    sides.push_back(SidesOf(pair, table, relation));
    old_world[pair.old_name] = sides.back().old_side;
    if (!pair.new_name.empty()) new_world[pair.new_name] = sides.back().new_side;
    shape.others.push_back(sides.back().new_side);
    for (const int side : {sides.back().old_side, sides.back().new_side, Find(relation, pair.retired_new)}) {
      if (side != Shape::kNowhere) known[static_cast<std::size_t>(side)] = true;
    }
  }
  const auto in = [&](const std::map<std::string, int>& world, const std::string& name) {
    const auto found = world.find(name);
    return found == world.end() ? Find(relation, name) : found->second;
  };
  for (const Column& column : table.columns) {
    shape.columns.push_back(in(old_world, column.name));
    if (shape.columns.back() != Shape::kNowhere) known[static_cast<std::size_t>(shape.columns.back())] = true;
  }
  for (std::size_t i = 0; i < table.pairs.size(); ++i) {
    const plan::Pair& pair = table.pairs[i];
    std::vector<int>& needed = shape.needed.emplace_back(std::vector<int>{sides[i].old_side, sides[i].new_side});
    for (const std::string& name : pair.up.reads) needed.push_back(in(old_world, name));
    if (!pair.down) continue;
    for (const std::string& name : pair.down->reads) needed.push_back(in(new_world, name));
  }
  shape.keyed = !table.key.empty() && std::all_of(table.key.begin(), table.key.end(), [&](std::size_t place) {
    const int at = shape.columns[place];
    return at != Shape::kNowhere && relation.columns[static_cast<std::size_t>(at)].key;
  });
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    if (!known[i]) shape.unknown.push_back(relation.columns[i].name);
  }
  return shape;
}

std::string PlainCast(const std::string& text, const std::string& type) { return fmt::format("({})::{}", text, type); }

InStep InStepOf(const plan::Pair& pair, const std::string& arguments, std::size_t first, const Cast& cast) {
  const plan::Stage stage{kOld, kNew, false};
  std::size_t place = first;
  const auto argument = [&](const std::string& type, const std::string& name) {
    return fmt::format("{} AS {}", cast(fmt::format("{}[{}]", arguments, place++), type), pg::Ident(name));
  };
  std::string sides = argument(pair.old_type, kOld);
  sides += ", " + argument(pair.new_type, kNew);
  // A row with what a direction reads, under the names that it reads them by.
  const auto row = [&](const plan::Direction& direction, const std::string& logical, const char* side) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < direction.reads.size(); ++i) {
      parts.push_back(argument(direction.types[i], direction.reads[i] == logical ? side : direction.reads[i]));
    }
    return parts.empty() ? std::string("SELECT") : fmt::format("SELECT {}", fmt::join(parts, ", "));
  };
  const std::string from_old = row(pair.up, pair.old_name, kOld);
  const std::string up =
      fmt::format("NOT ({})", plan::Distinct(fmt::format("s.{}", pg::Ident(kNew)),
                                             plan::Up(pair, stage, "r.", plan::Guard::kTry), pair.new_equality));
  InStep in_step;
  in_step.follows = fmt::format("(SELECT {} FROM (SELECT {}) AS s, ({}) AS r)", up, sides, from_old);
  const std::string empty = fmt::format("({}[{}]) IS NULL", arguments, first + 1);
  if (!pair.down) {
    in_step.agrees = fmt::format("({} OR {})", in_step.follows, empty);
    return in_step;
  }
  const std::string from_new = row(*pair.down, pair.new_name, kNew);
  const auto over_new = [&](const std::string& expression) {
    return fmt::format("(SELECT {} FROM (SELECT {}) AS s, ({}) AS r)", expression, sides, from_new);
  };
  const std::string back = over_new(
      fmt::format("NOT ({})", plan::Distinct(fmt::format("s.{}", pg::Ident(kOld)),
                                             plan::Down(pair, stage, "r.", plan::Guard::kTry), pair.old_equality)));
  const bool alone = std::all_of(pair.down->reads.begin(), pair.down->reads.end(),
                                 [&](const std::string& name) { return name == pair.new_name; });
  std::string written = "false";
  if (alone) written = "NOT " + back;
  if (alone && pair.down->can_raise && !pair.down->function.empty()) {
    written += " AND " + over_new(plan::Down(pair, stage, "r.", plan::Guard::kWhy) + " IS NULL");
  }
  in_step.agrees = fmt::format("CASE WHEN {0} THEN {1} OR NOT {2} ELSE {1} AND {2} OR {3} END", empty, in_step.follows,
                               back, written);
  return in_step;
}

}  // namespace salvage
