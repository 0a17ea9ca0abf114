#include "plan/directions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace plan {
namespace {

// A cast to a type with a length cuts silently where an assignment would complain: those go through an assignment.
bool CastMayCut(const std::string& type) {
  return type.starts_with("character") || type.starts_with("bit") || type == "name";
}

// Types whose values are written down and read in the same way in every session.
bool IsPlain(const std::string& type) {
  static const std::set<std::string> kPlain = {"smallint", "integer",           "bigint",    "numeric", "boolean",
                                               "text",     "character varying", "character", "uuid"};
  return kPlain.contains(type.substr(0, type.find('(')));
}

}  // namespace

bool IsTable(const pg::QualifiedName& table, const std::string& written) {
  return written == table.name || written == table.schema + "." + table.name || written == table.Text();
}

release::Transform TransformOf(const Builder& builder, const pg::QualifiedName& table, const std::string& column) {
  for (const auto& [written, columns] : builder.release().transforms) {
    if (!IsTable(table, written)) continue;
    const auto found = columns.find(column);
    if (found != columns.end()) return found->second;
  }
  return {};
}

bool DependsOnZone(const std::string& from_type, const std::string& to_type) {
  const auto zoned = [](const std::string& type) { return type.find("with time zone") != std::string::npos; };
  const auto of_time = [&](const std::string& type) {
    return zoned(type) || type == "date" || type.starts_with("time");
  };
  return of_time(from_type) && of_time(to_type) && zoned(from_type) != zoned(to_type);
}

World OldWorld(const catalog::Table& table) {
  World world;
  for (const catalog::Column& column : table.columns) world.emplace_back(column.name, column.type);
  return world;
}

World NewWorld(const catalog::Table& table, const ColumnChange& change, const std::string& new_type) {
  World world;
  for (const catalog::Column& column : table.columns) {
    if (column.name != change.old_name) world.emplace_back(column.name, column.type);
  }
  if (!change.dropped) world.emplace_back(change.new_name, new_type);
  return world;
}

std::optional<Direction> FromExpression(Builder& builder, const ColumnChange& change,
                                        const std::vector<ColumnChange>& all, const World& world,
                                        const std::string& expression, const std::string& target_type,
                                        const std::string& function) {
  Direction direction{function, {}, {}, target_type, expression, true};
  std::vector<std::string> columns;
  sql::DependsOn depends = sql::DependsOn::kRow;
  try {
    columns = sql::ExpressionColumns(expression);
    depends = sql::ExpressionDependsOn(expression);
  } catch (const base::Error& error) {
    builder.Block(change.Text(),
                  fmt::format("the transform '{}' is no expression over one row: {}", expression, error.message()),
                  "write an expression that reads only columns of its own row", change.at);
    return std::nullopt;
  }
  for (const std::string& column : columns) {
    const auto found =
        std::find_if(world.begin(), world.end(), [&](const auto& entry) { return entry.first == column; });
    const bool changed = std::any_of(all.begin(), all.end(), [&](const ColumnChange& other) {
      return &other != &change && other.table == change.table && (other.old_name == column || other.new_name == column);
    });
    if (found == world.end() || changed) {
      builder.Block(change.Text(),
                    fmt::format("the transform '{}' reads {}, which {}", expression, column,
                                changed ? "this release changes too" : "is no column on that side"),
                    "read other columns, or split the release", change.at);
      return std::nullopt;
    }
    direction.reads.push_back(column);
    direction.types.push_back(found->second);
  }
  if (depends == sql::DependsOn::kMoment && !change.old_name.empty() && !change.dropped) {
    builder.Block(change.Text(),
                  fmt::format("the transform '{}' gives another value each time or for each session, so that the two "
                              "sides could never be told to be in step",
                              expression),
                  "write an expression that gives the same value for the same row", change.at);
    return std::nullopt;
  }
  direction.pins_settings = depends != sql::DependsOn::kRow || !IsPlain(target_type) ||
                            !std::all_of(direction.types.begin(), direction.types.end(), IsPlain);
  return direction;
}

std::optional<Direction> FromCast(const Builder& builder, const std::string& column, const std::string& from_type,
                                  const std::string& to_type, const std::string& function) {
  const catalog::Cast cast = builder.catalog().CastBetween(from_type, to_type);
  if (!cast.exists) return std::nullopt;
  if (from_type == to_type || cast.safe) return Direction{"", {column}, {from_type}, to_type, "", false};
  const std::string value = pg::Ident(column);
  return Direction{function,
                   {column},
                   {from_type},
                   to_type,
                   CastMayCut(to_type) ? value : fmt::format("CAST({} AS {})", value, QualifiedType(to_type)),
                   true,
                   !IsPlain(from_type) || !IsPlain(to_type)};
}

}  // namespace plan
