#include "plan/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "plan/conditions.h"

namespace plan {
namespace {

using sql::Action;
using sql::Kind;

pg::QualifiedName Named(const sql::Name& name) { return {name.schema, name.name}; }

// Past the bracket that closes the one at `open`; brackets within '...' and "..." do not count.
std::size_t PastClosing(const std::string& text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\'' || text[i] == '"') {
      i = text.find(text[i], i + 1);
      if (i == std::string::npos) break;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

// Of a trigger of ours, which has no quote in its name.
std::string Unquoted(const std::string& ident) {
  return ident.starts_with('"') ? ident.substr(1, ident.size() - 2) : ident;
}

std::string BeforeBracket(const std::string& text) { return text.substr(0, text.find('(')); }

// NamesByTable that a table's columns, constraints, triggers and indexes have at any time.
using NamesByTable = std::map<pg::QualifiedName, std::set<std::string>>;

void Collect(const Action& action, NamesByTable& names) {
  if (action.relation.name.empty()) return;
  std::set<std::string>& of = names[Named(action.relation)];
  of.insert({action.column, action.new_name, action.constraint, action.index.name});
  if (action.column_def) of.insert(action.column_def->name);
  if (action.object_kind == "TRIGGER") of.insert(Unquoted(action.object));
}

}  // namespace

struct Model::Text {
  using Question = std::function<std::optional<bool>(const Model&)>;

  Text(const Plan& plan, const base::Json& described) {
    NamesByTable names;
    for (const auto& [text, table] : described.items()) {
      if (table.is_null()) continue;
      const pg::QualifiedName name = NameOf(plan, text);
      for (const char* part : {"columns", "constraints"}) {
        for (const auto& [entry, ignored] : table.at(part).items()) names[name].insert(entry);
      }
    }
    for (const Step& step : plan.steps) {
      if (step.kind != StepKind::kSql && step.kind != StepKind::kConcurrent) continue;
      for (const Statement& statement : step.forward) Read(statement, names);
      if (!step.reverse) continue;
      for (const Statement& statement : *step.reverse) Read(statement, names);
    }
    for (const auto& [table, of] : names) {
      for (const std::string& name : of) Ask(table, name);
    }
  }

  static pg::QualifiedName NameOf(const Plan& plan, const std::string& text) {
    const auto found = std::find_if(plan.tables.begin(), plan.tables.end(),
                                    [&](const pg::QualifiedName& table) { return table.Text() == text; });
    return found == plan.tables.end() ? pg::QualifiedName{"", text} : *found;
  }

  void Read(const Statement& statement, NamesByTable& names) {
    sql::Parsed parsed = sql::Parse(statement.sql);
    const auto* read = std::get_if<std::vector<Action>>(&parsed);
    if (read == nullptr) return;
    for (const Action& action : *read) Collect(action, names);
    actions.emplace(statement.sql, *read);
  }

  // What may be asked about this name of the table's.
  void Ask(const pg::QualifiedName& table, const std::string& name) {
    const auto in = [table, name](auto part, auto holds) {
      return [table, name, part, holds](const Model& model) -> std::optional<bool> {
        const auto found = model.tables_.find(table);
        if (found == model.tables_.end()) return std::nullopt;  // one that the release makes
        const auto& entries = found->second.*part;
        const auto entry = entries.find(name);
        return entry != entries.end() && holds(entry->second);
      };
    };
    const auto stands = [](const auto&) { return true; };
    questions[ColumnExists(table, name)] = in(&Table::columns, stands);
    questions[ColumnIsNotNull(table, name)] = in(&Table::columns, [](const Column& c) { return c.not_null; });
    questions[ColumnHasDefault(table, name)] =
        in(&Table::columns, [](const Column& c) { return !c.default_text.empty(); });
    questions[ConstraintExists(table, name)] = in(&Table::constraints, stands);
    questions[ConstraintIsValid(table, name)] = in(&Table::constraints, [](const Constraint& c) { return c.valid; });
    questions[TriggerExists(table, name)] = in(&Table::triggers, stands);
    const pg::QualifiedName index{table.schema, name};
    const Question built = [index](const Model& model) { return model.indexes_.contains(index); };
    questions[IndexIsValid(table, index)] = built;
    indexed[TableExists(index)] = index;
  }

  std::map<std::string, std::vector<Action>> actions;  // by statement
  std::map<std::string, Question> questions;           // by condition
  std::map<std::string, pg::QualifiedName> indexed;    // by the condition that there is a relation of the name
};

Model::Model(const Plan& plan, const base::Json& described, bool data)
    : text_(std::make_shared<Text>(plan, described)), data_(data) {
  for (const auto& [text, description] : described.items()) {
    if (description.is_null()) continue;
    const pg::QualifiedName name = Text::NameOf(plan, text);
    Table& table = tables_[name];
    for (const auto& [column, facts] : description.at("columns").items()) {
      table.columns[column] = {++columns_, facts.at("not_null").get<bool>(),
                               facts.at("default").is_null() ? "" : facts.at("default").get<std::string>()};
    }
    for (const auto& [constraint, facts] : description.at("constraints").items())
      table.constraints[constraint] = {facts.at("definition"), facts.at("validated"), ""};
    for (const auto& [index, facts] : description.at("indexes").items()) indexes_[{name.schema, index}] = name;
    table.identity = description.at("replica_identity");
  }
}

std::optional<bool> Model::Answer(const std::string& condition) const {
  if (condition.empty()) return true;
  if (condition == "SELECT false") return false;
  if (const auto known = text_->questions.find(condition); known != text_->questions.end()) return known->second(*this);
  if (const auto index = text_->indexed.find(condition);
      index != text_->indexed.end() && indexes_.contains(index->second))
    return true;
  if (condition.starts_with("SELECT NOT (") && PastClosing(condition, 11) == condition.size()) {
    const std::string inner = condition.substr(12, condition.size() - 13);
    const std::optional<bool> answer = Answer(inner);
    return answer ? std::optional(!*answer) : std::nullopt;
  }
  if (!condition.starts_with("SELECT (")) return std::nullopt;
  const std::size_t end = PastClosing(condition, 7);
  const bool both = condition.compare(end, 6, " AND (") == 0;
  if (!both && condition.compare(end, 5, " OR (") != 0) return std::nullopt;
  const std::size_t begin = condition.find('(', end) + 1;
  const std::optional<bool> left = Answer(condition.substr(8, end - 9));
  const std::optional<bool> right = Answer(condition.substr(begin, condition.size() - begin - 1));
  if (left == !both || right == !both) return !both;
  if (!left || !right) return std::nullopt;
  return both;
}

bool Model::Holds(const std::string& condition) const { return Answer(condition).value_or(data_); }

void Model::Run(const Step& step, bool forward) {
  if (step.kind != StepKind::kSql && step.kind != StepKind::kConcurrent) return;
  step_ = fmt::format("{}{} ({})", forward ? "" : "the way back of ", step.id, step.title);
  const Condition& wanted = forward ? step.postcondition : step.reverse_postcondition;
  const bool there = !step.transactional && !wanted.sql.empty() && Answer(wanted.sql) == true;
  if (!there) {
    for (const Statement& statement : forward ? step.forward : *step.reverse) {
      if (!statement.only_if.empty() && !Holds(statement.only_if)) continue;
      const auto actions = text_->actions.find(statement.sql);
      if (actions == text_->actions.end()) continue;
      for (const Action& action : actions->second) Apply(action);
    }
  }
  if (Answer(wanted.sql) == false)
    problems_.push_back(fmt::format("{} ends, and it does not hold that {}", step_, wanted.text));
}

void Model::Expect(bool holds, const Action& action, const std::string& problem) {
  if (!holds && !action.if_exists) problems_.push_back(fmt::format("{}: {}: {}", step_, problem, action.text));
}

void Model::Apply(const Action& action) {
  switch (action.kind) {
    case Kind::kCreateIndex:
      Expect(
          indexes_.emplace(pg::QualifiedName{action.relation.schema, action.index.name}, Named(action.relation)).second,
          action, "the index stands");
      return;
    case Kind::kDropIndex: {
      const pg::QualifiedName index = Named(action.index);
      const auto found = indexes_.find(index);
      Expect(found != indexes_.end(), action, "there is no such index");
      if (found == indexes_.end()) return;
      if (const auto table = tables_.find(found->second); table != tables_.end()) {
        for (const auto& [name, constraint] : table->second.constraints)
          if (constraint.index == index.name) problems_.push_back(fmt::format("{}: {} needs the index", step_, name));
      }
      indexes_.erase(found);
      return;
    }
    case Kind::kCreateObject:
    case Kind::kOther:
      return ApplyToTrigger(action);
    default:
      if (action.relation.name.empty() || !tables_.contains(Named(action.relation))) return;
      return ApplyToColumn(action, tables_[Named(action.relation)]);
  }
}

void Model::ApplyToColumn(const Action& action, Table& table) {
  const auto column = table.columns.find(action.column);
  const bool there = column != table.columns.end();
  switch (action.kind) {
    case Kind::kAddColumn:
      Expect(!there, action, "the column stands");
      table.columns[action.column] = {++columns_, action.column_def->not_null,
                                      action.column_def->default_text.value_or("")};
      made_[{Named(action.relation), action.column}] = columns_;
      return;
    case Kind::kRenameColumn: {
      Expect(there && !table.columns.contains(action.new_name), action,
             "there is no such column, or the name is taken");
      if (!there) return;
      auto node = table.columns.extract(column);
      node.key() = action.new_name;
      table.columns.insert(std::move(node));
      return;
    }
    case Kind::kDropColumn:
    case Kind::kSetNotNull:
    case Kind::kDropNotNull:
    case Kind::kSetDefault:
    case Kind::kDropDefault:
      Expect(there, action, "there is no such column");
      if (!there) return;
      if (action.kind == Kind::kDropColumn) {
        table.columns.erase(column);
        table.lost_columns = true;
      } else if (action.kind == Kind::kSetNotNull) {
        SetNotNull(action, column->second, table);
      } else if (action.kind == Kind::kDropNotNull) {
        column->second.not_null = false;
      } else {
        column->second.default_text = action.expression;
      }
      return;
    case Kind::kSetReplica:
      table.identity = action.definition + action.using_index;
      return;
    default:
      return ApplyToConstraint(action, table);
  }
}

// A valid check that says the same spares the scan, which would be one under ACCESS EXCLUSIVE.
void Model::SetNotNull(const Action& action, Column& column, const Table& table) {
  const std::string proof = pg::Ident(action.column) + " IS NOT NULL";
  const bool proven = std::any_of(table.constraints.begin(), table.constraints.end(), [&](const auto& entry) {
    return entry.second.valid && entry.second.definition.find(proof) != std::string::npos;
  });
  Expect(column.not_null || proven, action, "it would scan the table under ACCESS EXCLUSIVE");
  column.not_null = true;
}

void Model::ApplyToConstraint(const Action& action, Table& table) {
  switch (action.kind) {
    case Kind::kAddCheck:
    case Kind::kAddForeignKey:
    case Kind::kAddUnique:
      return AddConstraint(action, table);
    case Kind::kDropConstraint: {
      const auto constraint = table.constraints.find(action.constraint);
      Expect(constraint != table.constraints.end(), action, "there is no such constraint");
      if (constraint == table.constraints.end()) return;
      indexes_.erase({action.relation.schema, constraint->second.index});
      table.constraints.erase(constraint);
      return;
    }
    default:
      return;
  }
}

void Model::AddConstraint(const Action& action, Table& table) {
  Constraint constraint{action.definition, !action.not_valid, ""};
  if (!action.using_index.empty()) {
    const pg::QualifiedName index{action.relation.schema, action.using_index};
    Expect(indexes_.contains(index), action, "there is no such index");
    // It takes the constraint's name.
    indexes_.erase(index);
    indexes_[{action.relation.schema, action.constraint}] = Named(action.relation);
    constraint.index = action.constraint;
  }
  const bool added = table.constraints.emplace(action.constraint, constraint).second;
  Expect(added || table.lost_columns, action, "the constraint stands");
}

void Model::ApplyToTrigger(const Action& action) {
  const auto relation = tables_.find(Named(action.relation));
  if (action.object_kind == "FUNCTION") {
    functions_[BeforeBracket(action.object)] = action.text;
  } else if (action.object_kind == "TRIGGER" && relation != tables_.end()) {
    const std::size_t function = action.text.rfind("EXECUTE FUNCTION ") + 17;
    const Trigger trigger{action.text.substr(0, action.text.find(" ON ")), BeforeBracket(action.text.substr(function))};
    Expect(relation->second.triggers.emplace(Unquoted(action.object), trigger).second, action, "the trigger stands");
  } else if (action.object_kind == "DROP TRIGGER") {
    for (auto& [name, table] : tables_) table.triggers.erase(Unquoted(action.object));
  } else if (action.object_kind == "DROP FUNCTION") {
    functions_.erase(BeforeBracket(action.object));
  } else if (action.object_kind == "ALTER TABLE ... VALIDATE CONSTRAINT" && relation != tables_.end()) {
    const auto constraint = relation->second.constraints.find(action.column);
    Expect(constraint != relation->second.constraints.end(), action, "there is no such constraint");
    if (constraint != relation->second.constraints.end()) constraint->second.valid = true;
  }
}

std::optional<int> Model::Made(const pg::QualifiedName& table, const std::string& column) const {
  const auto found = made_.find({table, column});
  return found == made_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> Model::NameOf(const pg::QualifiedName& table, int id) const {
  const auto found = tables_.find(table);
  if (found == tables_.end()) return std::nullopt;
  for (const auto& [name, column] : found->second.columns) {
    if (column.id == id) return name;
  }
  return std::nullopt;
}

std::vector<std::string> Model::Functions(const pg::QualifiedName& table, const std::string& event) const {
  std::vector<std::string> bodies;
  const auto found = tables_.find(table);
  if (found == tables_.end()) return bodies;
  for (const auto& [name, trigger] : found->second.triggers) {
    const auto function = functions_.find(trigger.function);
    if (trigger.events.find(event) != std::string::npos && function != functions_.end())
      bodies.push_back(function->second);
  }
  return bodies;
}

std::string Model::Difference(const Model& other) const {
  const auto lines = [](const Model& model) {
    std::set<std::string> all;
    for (const auto& [name, table] : model.tables_) {
      const std::string of = name.Text() + ": ";
      for (const auto& [column, facts] : table.columns)
        all.insert(fmt::format("{}column {}{} default '{}'", of, column, facts.not_null ? " not null" : "",
                               facts.default_text));
      for (const auto& [constraint, facts] : table.constraints)
        all.insert(
            fmt::format("{}constraint {} {}{}", of, constraint, facts.definition, facts.valid ? "" : " not valid"));
      for (const auto& [trigger, facts] : table.triggers) all.insert(of + "trigger " + trigger + " " + facts.function);
      all.insert(of + "identity " + table.identity);
    }
    for (const auto& [index, table] : model.indexes_) all.insert("index " + index.Text());
    for (const auto& [name, text] : model.functions_) all.insert("function " + text);
    return all;
  };
  const std::set<std::string> mine = lines(*this);
  const std::set<std::string> theirs = lines(other);
  std::vector<std::string> text;
  for (const std::string& line : mine)
    if (!theirs.contains(line)) text.push_back("+ " + line);
  for (const std::string& line : theirs)
    if (!mine.contains(line)) text.push_back("- " + line);
  return fmt::format("{}", fmt::join(text, "\n"));
}

}  // namespace plan
