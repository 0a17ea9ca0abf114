#include <fmt/core.h>

#include <algorithm>

#include "plan/rules.h"
#include "release/nearest.h"

namespace plan {
namespace {

bool IsNumber(const std::string& type) {
  return type == "smallint" || type == "integer" || type == "bigint" || type == "numeric" ||
         type.starts_with("numeric(");
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string nearest = release::Nearest(word, candidates);
  return nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest);
}

void Wrong(Builder& builder, const std::string& object, std::string reason, std::string remedy) {
  builder.Block(object, "release.yaml declares it additive, but " + std::move(reason), std::move(remedy), {});
}

void CheckColumn(Builder& builder, const std::vector<ColumnChange>& changes, const catalog::Table& table,
                 const std::string& name) {
  const std::string object = table.name.Text() + "." + name;
  const catalog::Column* column = table.FindColumn(name);
  if (column == nullptr) {
    const auto change = std::find_if(changes.begin(), changes.end(), [&](const ColumnChange& c) {
      return c.table == &table && c.new_name == name && !c.old_name.empty();
    });
    std::vector<std::string> names;
    for (const catalog::Column& other : table.columns) names.push_back(other.name);
    return Wrong(builder, object,
                 change != changes.end() ? fmt::format("before the release it is {}", change->old_name)
                                         : "there is no such column" + DidYouMean(name, names),
                 "name a column as it is before the release, because decisions are about the restored server");
  }
  if (!IsNumber(column->type)) {
    return Wrong(builder, object, "it is " + column->type, "leave it out: only integer and numeric can be added to");
  }
  builder.AddAdditive(table.name, name);
}

}  // namespace

void CheckAdditive(Builder& builder, const std::vector<ColumnChange>& changes) {
  const catalog::Catalog& catalog = builder.catalog();
  for (const auto& [written, columns] : builder.release().additive) {
    const sql::Name name = NameAsWritten(written);
    const catalog::Table* table = catalog.Find(name.schema, name.name);
    if (table == nullptr || (table->kind != 'r' && table->kind != 'p')) {
      std::vector<std::string> names;
      for (const auto& [known, other] : catalog.tables) {
        names.push_back(name.schema.empty() ? known.name : known.schema + "." + known.name);
      }
      const std::string reason =
          table == nullptr ? "there is no such table" + DidYouMean(written, names) : std::string("it is no table");
      Wrong(builder, written, reason, "correct the name under `additive`");
      continue;
    }
    for (const std::string& column : columns) CheckColumn(builder, changes, *table, column);
  }
}

}  // namespace plan
