#include "catalog/parts.h"
#include "catalog/rows.h"
#include "catalog/sql_text.h"

namespace catalog {
namespace {

pg::QualifiedName NameIn(const base::Json& pair) {
  return {pair.at(0).get<std::string>(), pair.at(1).get<std::string>()};
}

Table TableOf(const Row& row) {
  Table table;
  table.oid = row.Oid("oid");
  table.name = {row.Text("schema"), row.Text("name")};
  table.kind = row.Char("kind");
  table.persistence = row.Char("persistence");
  table.owner = row.Text("owner");
  table.owned = row.Bool("owned");
  table.all_rows_shown = row.Bool("all_rows_shown");
  table.subscribed = row.Bool("subscribed");
  table.replica_identity = row.Char("replica_identity");
  table.row_security = row.Bool("row_security");
  table.grants = row.Names("grants");
  table.rows_estimate = row.Int("tuples");
  table.bytes = row.Int("bytes");
  table.relfilenode = row.Oid("filenode");
  table.rows_whole = row.Bool("rows_whole");
  table.row_bytes = row.Int("row_bytes");
  table.rewritten = row.Int("rewritten");
  table.counted_for = row.Int("counted_for");
  table.partition_key = row.Names("partition_key");
  table.rows_stored_in = row.Names("rows_stored_in");
  table.set_in_partitions = row.Names("set_in_partitions");
  for (const auto& partition : row.Json("partitions")) table.partitions.push_back(NameIn(partition));
  for (const auto& relation : row.Json("below")) table.below.push_back(NameIn(relation));
  if (const auto parent = row.Json("parent"); !parent.is_null()) table.parent = NameIn(parent);
  return table;
}

Column ColumnOf(const Row& row) {
  Column column;
  column.name = row.Text("name");
  column.type = row.Text("type");
  column.not_null = row.Bool("not_null");
  column.default_expression = row.Optional("default_expression");
  column.generated = row.Bool("generated");
  column.identity = row.Char("identity");
  column.collation = row.Text("collation");
  column.grants = row.Names("grants");
  column.comment = row.Optional("comment");
  if (row.Optional("statistics")) column.statistics = static_cast<int>(row.Int("statistics"));
  column.storage = row.Text("storage");
  column.compression = row.Text("compression");
  column.options = row.Names("options");
  column.labelled = row.Bool("labelled");
  return column;
}

Constraint ConstraintOf(const Row& row) {
  Constraint constraint;
  constraint.name = row.Text("name");
  constraint.type = row.Char("type");
  constraint.definition = row.Text("definition");
  constraint.columns = row.Names("columns");
  constraint.validated = row.Bool("validated");
  constraint.deferrable = row.Bool("deferrable");
  constraint.index = row.Text("index");
  constraint.referenced = {row.Text("referenced_schema"), row.Text("referenced_name")};
  constraint.referenced_columns = row.Names("referenced_columns");
  constraint.on_delete = row.Char("on_delete");
  constraint.on_update = row.Char("on_update");
  constraint.comment = row.Optional("comment");
  return constraint;
}

Index IndexOf(const Row& row) {
  Index index;
  index.name = row.Text("name");
  index.definition = row.Text("definition");
  index.columns = row.Names("columns");
  index.unique = row.Bool("unique");
  index.primary = row.Bool("primary");
  index.valid = row.Bool("valid");
  index.expression = row.Bool("expression");
  index.identity = row.Bool("identity");
  index.constraint = row.Text("constraint");
  index.tablespace = row.Text("tablespace");
  index.method = row.Text("method");
  return index;
}

Trigger TriggerOf(const Row& row) {
  Trigger trigger;
  trigger.name = row.Text("name");
  trigger.definition = row.Text("definition");
  trigger.function = row.Text("function");
  trigger.before = row.Bool("before");
  trigger.row = row.Bool("row");
  trigger.on_insert = row.Bool("on_insert");
  trigger.on_update = row.Bool("on_update");
  trigger.on_delete = row.Bool("on_delete");
  trigger.columns = row.Names("columns");
  trigger.update_of = row.Bool("update_of");
  trigger.enabled = row.Bool("enabled");
  trigger.mode = row.Text("mode").front();
  trigger.ours = row.Bool("ours");
  return trigger;
}

}  // namespace

TablesByOid ReadTables(pg::Connection& connection, const std::vector<std::uint32_t>& oids, SizedTypes& column_types) {
  const pg::Params wanted{OidArray(oids)};
  TablesByOid tables;
  ForEachRow(connection, sql_text::kReadTables, wanted, [&](const Row& row) { tables[row.Oid("oid")] = TableOf(row); });
  // A table can go between two of these statements: what is left of it is passed over.
  const auto each = [&](std::string_view sql, const auto& take) {
    ForEachRow(connection, sql, wanted, [&](const Row& row) {
      if (const auto table = tables.find(row.Oid("table_oid")); table != tables.end()) take(table->second, row);
    });
  };
  each(sql_text::kReadColumns, [&](Table& table, const Row& row) {
    table.columns.push_back(ColumnOf(row));
    column_types[row.Text("type")] = {row.Oid("type_oid"), static_cast<int>(row.Int("typmod"))};
  });
  each(sql_text::kReadConstraints,
       [](Table& table, const Row& row) { table.constraints.push_back(ConstraintOf(row)); });
  each(sql_text::kReadIndexes, [](Table& table, const Row& row) { table.indexes.push_back(IndexOf(row)); });
  each(sql_text::kReadTriggers, [](Table& table, const Row& row) { table.triggers.push_back(TriggerOf(row)); });
  return tables;
}

}  // namespace catalog
