#include <fmt/format.h>

#include <algorithm>

#include "plan/rules.h"

namespace plan {
namespace {

void AddWritten(std::vector<Written>& footprint, const pg::QualifiedName& table,
                const std::vector<std::string>& columns) {
  auto written = std::find_if(footprint.begin(), footprint.end(), [&](const Written& w) { return w.table == table; });
  if (written == footprint.end()) written = footprint.insert(written, {table, {}});
  for (const std::string& column : columns) {
    const std::vector<std::string>& known = written->columns;
    if (std::find(known.begin(), known.end(), column) == known.end()) written->columns.push_back(column);
  }
}

// What the author says that the statement writes.
std::vector<Written> Declared(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  std::vector<Written> footprint;
  const auto writes = builder.release().writes.find(action.statement);
  if (writes == builder.release().writes.end()) return footprint;
  for (const auto& [written, columns] : writes->second) {
    const sql::Name name = NameAsWritten(written);
    const catalog::Table* table = builder.catalog().Find(name.schema, name.name);
    const pg::QualifiedName resolved = Resolve(builder.catalog(), name);
    const bool all = columns == std::vector<std::string>{kAllColumns};
    if (!builder.Stands(name, action.at)) continue;
    if (table == nullptr && all) {
      builder.Block(resolved.Text(), "its columns are not known yet", "name the columns under `writes`", action.at);
      continue;
    }
    if (table != nullptr && !all && !ColumnsStand(builder, action, *table, changes, columns)) continue;
    builder.Touch(resolved);
    AddWritten(footprint, resolved, all ? StoredColumns(*table) : columns);
  }
  return footprint;
}

// Rows of a table without a key, a data-modifying WITH: the statement itself says what it writes.
void AddStated(Builder& builder, const sql::Action& action, std::vector<Written>& footprint) {
  if (!ChangesData(action.kind)) return;
  const auto add = [&](const sql::Name& name, bool columns_known) {
    const catalog::Table* table = builder.catalog().Find(name.schema, name.name);
    if (table != nullptr) {
      AddWritten(footprint, table->name, columns_known ? action.columns : StoredColumns(*table));
    } else if (const pg::QualifiedName made = Resolve(builder.catalog(), name); builder.Makes(made)) {
      AddWritten(footprint, made, {kAllColumns});
    }
  };
  add(action.relation, action.kind == sql::Kind::kUpdate);
  for (const sql::Name& written : action.writes) add(written, false);
}

bool IsPart(const sql::Action& action) {
  const bool alters = action.kind == sql::Kind::kOther || action.kind == sql::Kind::kDropConstraint;
  return alters && !action.definition.empty();
}

// A subcommand of an ALTER TABLE runs without its neighbours, which may be steps of their own.
std::string TextOf(const sql::Action& action) {
  if (!IsPart(action)) return action.text;
  const std::string relation = action.relation.schema.empty() ? pg::Ident(action.relation.name)
                                                              : pg::Ident(action.relation.schema, action.relation.name);
  return fmt::format("ALTER TABLE {}{} {}", action.only ? "ONLY " : "", relation, action.definition);
}

// What the author gives as `down` takes all of his statement back, so all that is opaque of it is one step.
bool JoinOpaque(Builder& builder, const sql::Action& action, const std::string& what) {
  Step* known = IsPart(action) ? builder.OpaqueOf(action.statement) : nullptr;
  if (known == nullptr) return false;
  known->forward.front().sql += ", " + action.definition;
  known->title += ", " + what;
  known->accesses = Join(known->accesses, builder.effects().Of(action));
  return true;
}

// ALTER INDEX and the like ... RENAME TO, ALTER TABLE ... RENAME CONSTRAINT: what is unnamed later may get the name.
void FreeRenamed(Builder& builder, const sql::Action& action) {
  if (action.new_name.empty()) return;
  const pg::QualifiedName relation = Resolve(builder.catalog(), action.relation);
  if (action.constraint.empty()) {
    builder.names().FreeRelation(relation, false);
    builder.names().TakeRelation({relation.schema, action.new_name});
  } else {
    builder.names().FreeConstraint(relation, action.constraint);
    builder.names().TakeConstraint(relation, action.new_name);
  }
}

}  // namespace

sql::Name NameAsWritten(const std::string& written) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (const char c : written) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return {.schema = parts.size() > 1 ? parts.front() : "", .name = parts.back()};
}

void RunOpaque(Builder& builder, const sql::Action& action, const std::string& reason,
               const std::vector<ColumnChange>& changes) {
  const std::string what = action.object_kind.empty()
                               ? action.text.substr(0, 40)
                               : action.object_kind + (action.object.empty() ? "" : " " + action.object);
  if (JoinOpaque(builder, action, what)) return;
  std::vector<Written> footprint = Declared(builder, action, changes);
  AddStated(builder, action, footprint);
  builder.names().TakeUnknown();
  FreeRenamed(builder, action);
  // What creates something is harmless to the old version; anything else stands with the data changes.
  const bool creates = action.kind == sql::Kind::kCreateObject;
  Step& step = builder.Add(creates ? Phase::kExpand : Phase::kMigrate, creates ? Rank::kObjects : Rank::kData,
                           StepKind::kOpaque, fmt::format("statement {}: {}", action.statement, what), reason);
  step.forward = {{TextOf(action)}};
  step.search_path = builder.AuthorsPath();
  step.footprint = std::move(footprint);
  const auto down = builder.release().downs.find(action.statement);
  if (down == builder.release().downs.end()) {
    step.reverse.reset();
    step.reverse_title =
        fmt::format("none: give opaque: [{{statement: {}, down: \"...\"}}] in release.yaml", action.statement);
  } else {
    step.reverse = {{down->second}};
    step.reverse_title = "the author's down";
  }
  if (!action.relation.name.empty()) builder.Touch(Resolve(builder.catalog(), action.relation));
}

}  // namespace plan
