#include <string_view>

#include "catalog/catalog.h"

namespace catalog {
namespace {

using base::Json;

std::string_view KindText(Dependent::Kind kind) {
  switch (kind) {
    case Dependent::Kind::kView:
      return "view";
    case Dependent::Kind::kMaterializedView:
      return "materialized view";
    case Dependent::Kind::kRule:
      return "rule";
    case Dependent::Kind::kPolicy:
      return "policy";
    case Dependent::Kind::kGeneratedColumn:
      return "generated column";
    case Dependent::Kind::kPublication:
      return "publication";
    case Dependent::Kind::kFunction:
      return "function";
    case Dependent::Kind::kForeignKey:
      return "foreign key";
    case Dependent::Kind::kStatistics:
      return "statistics";
  }
  return "dependent";
}

Json DescribeColumn(const Column& column) {
  return {{"type", column.type},
          {"not_null", column.not_null},
          {"default", column.default_expression.has_value() ? Json(*column.default_expression) : Json()},
          {"generated", column.generated},
          {"identity", column.identity == 0 ? Json() : Json(std::string(1, column.identity))},
          {"collation", column.collation.empty() ? Json() : Json(column.collation)},
          {"grants", column.grants}};
}

// By name, so that neither the order of the columns nor that of the server's answers counts.
Json DescribeParts(const Table& table) {
  Json columns = Json::object();
  for (const auto& one : table.columns) columns[one.name] = DescribeColumn(one);
  Json constraints = Json::object();
  for (const auto& one : table.constraints) {
    constraints[one.name] = {{"definition", one.definition}, {"validated", one.validated}, {"columns", one.columns}};
  }
  Json indexes = Json::object();
  for (const auto& one : table.indexes) {
    indexes[one.name] = {{"definition", one.definition}, {"valid", one.valid}, {"columns", one.columns}};
  }
  Json triggers = Json::object();
  for (const auto& one : table.triggers) {
    // Those of a release come and go with its steps; while they are there, they fire.
    const bool silent = one.mode == 'D' || one.mode == 'R';
    if (one.ours && silent) triggers[one.name] = {{"enabled", false}};
    if (!one.ours)
      triggers[one.name] = {{"definition", one.definition}, {"enabled", one.enabled}, {"columns", one.columns}};
  }
  Json dependents = Json::object();
  for (const auto& one : table.dependents) {
    // A body that was found by its words may change in all else without any meaning here.
    dependents[std::string(KindText(one.kind)) + " " + one.name] = {
        {"columns", one.columns}, {"definition", one.by_text ? Json() : Json(one.definition)}};
  }
  Json partitions = Json::object();
  for (const auto& one : table.partitions) partitions[one.Text()] = Json::object();
  Json parts = {{"columns", columns},
                {"constraints", constraints},
                {"indexes", indexes},
                {"triggers", triggers},
                {"dependents", dependents}};
  if (!partitions.empty()) parts["partitions"] = partitions;
  return parts;
}

}  // namespace

Json Describe(const Table& table) {
  Json description = DescribeParts(table);
  description["kind"] = std::string(1, table.kind);
  description["persistence"] = std::string(1, table.persistence);
  description["replica_identity"] = std::string(1, table.replica_identity);
  description["row_security"] = table.row_security;
  description["grants"] = table.grants;
  description["partition_key"] = table.partition_key;
  description["parent"] = table.parent.has_value() ? Json(table.parent->Text()) : Json();
  return description;
}

Json Describe(const Catalog& catalog, const std::vector<pg::QualifiedName>& tables) {
  Json description = Json::object();
  for (const auto& name : tables) {
    const auto found = catalog.tables.find(name);
    description[name.Text()] = found == catalog.tables.end() ? Json() : Describe(found->second);
  }
  return description;
}

}  // namespace catalog
