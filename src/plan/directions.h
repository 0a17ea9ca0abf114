#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/builder.h"
#include "plan/column_change.h"
#include "plan/pair.h"

namespace plan {

// The columns of a table as one application version sees them: name -> type.
using World = std::vector<std::pair<std::string, std::string>>;

// Whether a table is meant by the name that release.yaml has for it.
bool IsTable(const pg::QualifiedName& table, const std::string& written);

// The author's transform of a new column, as release.yaml has it for this table under any way of writing its name.
release::Transform TransformOf(const Builder& builder, const pg::QualifiedName& table, const std::string& column);

// An author's expression as a direction, always guarded. Nothing, with a blocker: it is no expression, or reads what it
// may not.
std::optional<Direction> FromExpression(Builder& builder, const ColumnChange& change,
                                        const std::vector<ColumnChange>& all, const World& world,
                                        const std::string& expression, const std::string& target_type,
                                        const std::string& function);
// A plain copy or cast of one column. Nothing: there is no such cast.
std::optional<Direction> FromCast(const Builder& builder, const std::string& column, const std::string& from_type,
                                  const std::string& to_type, const std::string& function);

// A cast between them asks the session for its time zone.
[[nodiscard]] bool DependsOnZone(const std::string& from_type, const std::string& to_type);

World OldWorld(const catalog::Table& table);
World NewWorld(const catalog::Table& table, const ColumnChange& change, const std::string& new_type);

}  // namespace plan
