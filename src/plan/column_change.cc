#include "plan/column_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "sql/rename.h"

namespace plan {
namespace {

class Folder {
 public:
  explicit Folder(Builder& builder) : builder_(builder) {}

  void Fold(const sql::Action& action) {
    const catalog::Table* table = TableOf(action);
    if (table == nullptr) return;
    builder_.Touch(table->name);
    if (action.kind == sql::Kind::kAddColumn) return FoldAdded(action, *table);
    ColumnChange* change = Find(action, *table);
    if (change != nullptr) Apply(action, *change);
  }

  std::vector<ColumnChange> Take() { return std::move(changes_); }

 private:
  const catalog::Table* TableOf(const sql::Action& action) {
    const catalog::Table* table = builder_.catalog().Find(action.relation.schema, action.relation.name);
    const pg::QualifiedName name = Resolve(builder_.catalog(), action.relation);
    if (table == nullptr) {
      builder_.Block(name.Text(), "there is no such table in the database",
                     "correct the name, or put the columns into its CREATE TABLE", action.at);
    } else if (table->kind != 'r' && table->kind != 'p') {
      builder_.Block(name.Text(), "it is no table", "change the table that it stands on", action.at);
    } else if (table->parent) {
      builder_.Block(name.Text(), "it is a partition, or inherits from " + table->parent->Text(), "change the parent",
                     action.at);
    } else {
      return table;
    }
    return nullptr;
  }

  bool NameIsTaken(const catalog::Table& table, const std::string& name) const {
    if (table.FindColumn(name) != nullptr) return true;
    return std::any_of(changes_.begin(), changes_.end(),
                       [&](const ColumnChange& c) { return c.table == &table && c.new_name == name; });
  }

  void FoldAdded(const sql::Action& action, const catalog::Table& table) {
    const sql::ColumnDef& def = *action.column_def;
    if (NameIsTaken(table, def.name)) {
      builder_.Block(table.name.Text() + "." + def.name, "the table has a column of this name",
                     "take another name; a column that is replaced is renamed or retyped instead", action.at);
      return;
    }
    ColumnChange change;
    change.table = &table;
    change.new_name = def.name;
    change.added = def;
    change.at = action.at;
    change.shaped_by = {action.statement};
    change.names = {def.name};
    changes_.push_back(std::move(change));
  }

  ColumnChange* Find(const sql::Action& action, const catalog::Table& table) {
    for (ColumnChange& change : changes_) {
      if (change.table == &table && change.new_name == action.column) {
        if (!change.dropped) return &change;
        break;
      }
    }
    const bool renamed_away = std::any_of(changes_.begin(), changes_.end(), [&](const ColumnChange& c) {
      return c.table == &table && c.old_name == action.column;
    });
    if (table.FindColumn(action.column) == nullptr || renamed_away) {
      builder_.Block(table.name.Text() + "." + action.column,
                     renamed_away ? "the column was renamed or dropped above" : "there is no such column",
                     "correct the name", action.at);
      return nullptr;
    }
    ColumnChange change;
    change.table = &table;
    change.old_name = action.column;
    change.new_name = action.column;
    change.at = action.at;
    change.names = {action.column};
    return &changes_.emplace_back(std::move(change));
  }

  void Apply(const sql::Action& action, ColumnChange& change) {
    switch (action.kind) {
      case sql::Kind::kDropColumn:
        if (change.added || change.Renamed() || !change.type.empty()) {
          builder_.Block(change.Text(), "it is dropped and changed in one release", "leave the other change out",
                         action.at);
        }
        change.dropped = true;
        change.shaped_by.push_back(action.statement);
        change.cascade = action.cascade;
        break;
      case sql::Kind::kRenameColumn:
        if (NameIsTaken(*change.table, action.new_name)) {
          builder_.Block(change.table->name.Text() + "." + action.new_name, "the table has a column of this name",
                         "free the name in a release before this one", action.at);
        } else if (change.added) {
          change.added->name = action.new_name;
        }
        change.new_name = action.new_name;
        change.shaped_by.push_back(action.statement);
        change.names.push_back(action.new_name);
        break;
      case sql::Kind::kAlterType:
        change.typed_by.push_back(action.statement);
        if (change.added) {
          if (change.added->default_text || change.default_changed || !action.expression.empty()) {
            builder_.Block(change.Text(), "it is added with a value and gets another type in one release",
                           fmt::format("add it as {} in the first place", action.type), action.at);
          }
          change.added->type = action.type;
        } else {
          change.type = action.type;
          Use(action, change);
        }
        break;
      case sql::Kind::kSetNotNull:
      case sql::Kind::kDropNotNull: {
        const bool set = action.kind == sql::Kind::kSetNotNull;
        if (change.added) change.added->not_null = set;
        change.not_null = set;
        change.nulled_by = action.statement;
        break;
      }
      case sql::Kind::kSetDefault:
      case sql::Kind::kDropDefault: {
        const bool set = action.kind == sql::Kind::kSetDefault;
        change.default_changed = true;
        change.defaulted_by = action.statement;
        change.new_default = set ? std::optional(action.expression) : std::nullopt;
        change.constant_default = action.constant_default;
        break;
      }
      default:
        break;
    }
  }

  // A USING names the column as it is called at that statement; everything else here asks by the old name.
  void Use(const sql::Action& action, ColumnChange& change) {
    change.using_expression = action.expression;
    change.using_casts = SaysCast(action);
    if (!change.Renamed() || action.expression.empty()) return;
    const std::vector<std::string> columns = sql::ExpressionColumns(action.expression);
    if (std::find(columns.begin(), columns.end(), change.old_name) != columns.end()) {
      builder_.Block(change.Text(), fmt::format("the column is called {} where USING names it", change.new_name),
                     fmt::format("write {} in USING", change.new_name), action.at);
    }
    change.using_expression = sql::ReplaceColumn(action.expression, change.new_name, change.old_name);
  }

  // `column::type` and CAST(column AS type), of this column and to this type, in the author's words.
  static bool SaysCast(const sql::Action& action) {
    const auto plain = [](const std::string& text) {
      std::string out;
      for (const char c : text) {
        if (std::isspace(static_cast<unsigned char>(c)) == 0 && c != '"' && c != '(' && c != ')')
          out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      }
      return out;
    };
    const std::string said = plain(action.expression);
    const std::string column = plain(action.column);
    const std::string type = plain(action.type);
    return said == column + "::" + type || said == "cast" + column + "as" + type || said == column;
  }

  Builder& builder_;
  std::vector<ColumnChange> changes_;
};

}  // namespace

std::string ColumnChange::Text() const { return table->name.Text() + "." + (old_name.empty() ? new_name : old_name); }

Accesses ColumnChange::Shaping(Mode mode, Aspect aspect, const std::vector<std::string>& columns) const {
  Accesses accesses;
  for (const int statement : shaped_by) {
    for (const std::string& column : columns) accesses.push_back({statement, mode, {aspect, table->name, column}});
  }
  return accesses;
}

Accesses ColumnChange::Typing(Aspect aspect, const std::string& column) const {
  Accesses accesses;
  for (const int statement : typed_by) accesses.push_back(Writes(statement, aspect, table->name, column));
  return accesses;
}

int ColumnChange::Statement() const {
  int first = 0;
  const auto take = [&](int statement) {
    if (statement != 0 && (first == 0 || statement < first)) first = statement;
  };
  for (const int statement : shaped_by) take(statement);
  for (const int statement : typed_by) take(statement);
  take(nulled_by);
  take(defaulted_by);
  return first;
}

bool IsColumnAction(sql::Kind kind) {
  switch (kind) {
    case sql::Kind::kAddColumn:
    case sql::Kind::kDropColumn:
    case sql::Kind::kRenameColumn:
    case sql::Kind::kAlterType:
    case sql::Kind::kSetNotNull:
    case sql::Kind::kDropNotNull:
    case sql::Kind::kSetDefault:
    case sql::Kind::kDropDefault:
      return true;
    default:
      return false;
  }
}

std::vector<ColumnChange> FoldColumnChanges(Builder& builder, const std::vector<sql::Action>& actions) {
  Folder folder(builder);
  for (const sql::Action& action : actions) {
    if (IsColumnAction(action.kind)) folder.Fold(action);
  }
  return folder.Take();
}

}  // namespace plan
