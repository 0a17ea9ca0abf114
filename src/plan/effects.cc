#include "plan/effects.h"

#include <algorithm>

#include "base/error.h"
#include "plan/builder.h"
#include "plan/rules.h"

namespace plan {

using Space = sql::Target::Space;

// Gathers what one action does.
class Effects::Reader {
 public:
  Reader(const Effects& effects, int statement) : effects_(effects), statement_(statement) {}

  Accesses Take() { return std::move(accesses_); }

  void Read(const sql::Action& action) {
    const sql::Mentions& says = action.says;
    Names(says);
    switch (action.kind) {
      case sql::Kind::kUpdate:
      case sql::Kind::kDelete:
      case sql::Kind::kInsertSelect:
        return Data(action);
      case sql::Kind::kAddCheck:
      case sql::Kind::kAddForeignKey:
      case sql::Kind::kAddUnique:
      case sql::Kind::kAddPrimaryKey:
        return Constraint(action);
      case sql::Kind::kDropConstraint:
        return DropConstraint(action);
      case sql::Kind::kCreateIndex:
      case sql::Kind::kDropIndex:
        return Index(action);
      case sql::Kind::kSetReplica:
        Add(Mode::kRead, Aspect::kKeys, Named(action.relation));
        return Add(Mode::kWrite, Aspect::kTraits, Named(action.relation));
      case sql::Kind::kCreateTable:
        return CreateTable(action);
      case sql::Kind::kDropTable:
        return DropTable(action);
      default:
        return Object(action);
    }
  }

  // Functions and types by their last part: their schemas are not known here.
  void Names(const sql::Mentions& says) {
    for (const sql::Name& type : says.types) Add(Mode::kRead, Aspect::kType, {"", type.name});
    Calls(says.functions);
    if (says.unknown) Anything();
  }

 private:
  void Calls(const std::vector<sql::Name>& functions) {
    for (const sql::Name& function : functions) Call(function.name);
  }

  void Add(Mode mode, Aspect aspect, const pg::QualifiedName& object, const std::string& part = "") {
    const Access access{statement_, mode, {aspect, object, part}};
    if (std::find(accesses_.begin(), accesses_.end(), access) == accesses_.end()) accesses_.push_back(access);
  }

  void Anything() { Add(Mode::kWrite, Aspect::kAnything, {}); }

  [[nodiscard]] pg::QualifiedName Named(const sql::Name& name) const { return Resolve(effects_.catalog_, name); }

  // Of columns, those that are named; where none is, or all are, the relation's as a whole.
  void Columns(Mode mode, Aspect aspect, const pg::QualifiedName& relation, const std::vector<std::string>& columns,
               bool whole) {
    if (whole || columns.empty()) return Add(mode, aspect, relation);
    for (const std::string& column : columns) Add(mode, aspect, relation, column);
  }

  // Rows of a partition are its parents' too; those of a view are its tables'.
  void Rows(Mode mode, const pg::QualifiedName& relation, const std::vector<std::string>& columns, bool whole) {
    Columns(mode, Aspect::kRows, relation, columns, whole);
    const auto table = effects_.catalog_.tables.find(relation);
    if (table == effects_.catalog_.tables.end()) return;
    for (const pg::QualifiedName& below : table->second.below) Add(mode, Aspect::kRows, below);
    if (table->second.parent && *table->second.parent != relation) Rows(mode, *table->second.parent, columns, whole);
  }

  void Relation(const sql::Name& written, const sql::Mentions& says, bool rows) {
    const pg::QualifiedName relation = Named(written);
    Add(Mode::kRead, Aspect::kName, relation);
    if (says.whole_rows || !says.columns.empty())
      Columns(Mode::kRead, Aspect::kShape, relation, says.columns, says.whole_rows);
    if (rows) Rows(Mode::kRead, relation, says.columns, says.whole_rows);
    const auto views = effects_.views_.find(relation);
    if (views == effects_.views_.end() || !seen_views_.insert(relation).second) return;
    for (const sql::Mentions* view : views->second) {
      for (const sql::Name& read : view->reads) Relation(read, *view, rows);
      Calls(view->functions);
    }
  }

  void Call(const std::string& name) {
    const auto made = effects_.routines_.find(name);
    const auto known = effects_.catalog_.routines.find(name);
    const bool is_made = made != effects_.routines_.end();
    const bool is_known = known != effects_.catalog_.routines.end();
    if (!is_made && !is_known) return;  // one of PostgreSQL's own
    Add(Mode::kRead, Aspect::kRoutine, {"", name});
    if (!seen_routines_.insert(name).second) return;
    if (is_made) {
      for (const sql::Mentions* body : made->second) Body(*body);
    }
    if (!is_known) return;
    for (const catalog::Routine& routine : known->second) {
      if (routine.pure) continue;
      const sql::Parsed parsed = sql::Parse(routine.definition);
      const auto* actions = std::get_if<std::vector<sql::Action>>(&parsed);
      if (routine.definition.empty() || actions == nullptr) return Anything();
      Body(actions->front().body);
    }
  }

  // What runs when a function is called.
  void Body(const sql::Mentions& body) {
    Names(body);
    for (const sql::Name& read : body.reads) Relation(read, body, true);
    for (const sql::Name& written : body.writes) Change(Named(written), true, true, true, {});
  }

  // A statement that changes rows, with the triggers and the foreign keys that act because of it.
  void Change(const pg::QualifiedName& table, bool inserts, bool deletes, bool updates,
              const std::vector<std::string>& columns) {
    Add(Mode::kRead, Aspect::kName, table);
    Add(Mode::kRead, Aspect::kRules, table);
    Rows(Mode::kWrite, table, inserts || deletes ? std::vector<std::string>() : columns, false);
    const auto known = effects_.catalog_.tables.find(table);
    if (known == effects_.catalog_.tables.end() || !changed_.insert({table, deletes}).second) return;
    for (const catalog::Trigger& trigger : known->second.triggers) {
      const bool fires =
          (trigger.on_insert && inserts) || (trigger.on_delete && deletes) || (trigger.on_update && updates);
      if (!trigger.ours && fires) Call(trigger.function.substr(trigger.function.rfind('.') + 1));
    }
    for (const auto& [name, child] : effects_.catalog_.tables) {
      for (const catalog::Constraint& key : child.constraints) {
        if (key.type != 'f' || key.referenced != table) continue;
        const auto acts = [](char action) { return action != 'a' && action != 'r'; };
        if (deletes && acts(key.on_delete))
          Change(name, false, key.on_delete == 'c', key.on_delete != 'c', key.columns);
        if (updates && acts(key.on_update)) Change(name, false, false, true, key.columns);
      }
    }
  }

  void Data(const sql::Action& action) {
    const bool inserts = action.kind == sql::Kind::kInsertSelect;
    const bool deletes = action.kind == sql::Kind::kDelete;
    const pg::QualifiedName table = Named(action.relation);
    Change(table, inserts, deletes, action.kind == sql::Kind::kUpdate || !action.conflict_columns.empty(),
           action.columns);
    Columns(Mode::kRead, Aspect::kShape, table, action.columns, inserts && action.columns.empty());
    if (!inserts) Relation(action.relation, action.says, true);
    if (inserts) Add(Mode::kRead, Aspect::kForm, table);
    if (action.on_conflict) Add(Mode::kRead, Aspect::kKeys, table);
    Mentioned(action.says, true);
  }

  void Mentioned(const sql::Mentions& says, bool rows) {
    for (const sql::Name& read : says.reads) Relation(read, says, rows);
    for (const sql::Name& written : says.writes) Change(Named(written), true, true, true, {});
  }

  void Constraint(const sql::Action& action) {
    const pg::QualifiedName table = Named(action.relation);
    Add(Mode::kRead, Aspect::kName, table);
    Columns(Mode::kRead, Aspect::kShape, table, action.columns, false);
    Columns(Mode::kRead, Aspect::kRows, table, action.columns, false);
    Add(Mode::kWrite, Aspect::kConstraint, table, action.constraint);
    if (action.kind == sql::Kind::kAddForeignKey) {
      const pg::QualifiedName referenced = Named(action.referenced);
      Add(Mode::kRead, Aspect::kName, referenced);
      std::vector<std::string> columns = action.referenced_columns;
      const auto known = effects_.catalog_.tables.find(referenced);
      if (columns.empty() && known != effects_.catalog_.tables.end()) columns = known->second.KeyColumns();
      if (!columns.empty()) Columns(Mode::kRead, Aspect::kShape, referenced, columns, false);
      Columns(Mode::kRead, Aspect::kRows, referenced, columns, false);
      Add(Mode::kRead, Aspect::kKeys, referenced);
      if (action.acts) Add(Mode::kWrite, Aspect::kRules, referenced);
    } else if (action.kind != sql::Kind::kAddCheck) {
      Add(Mode::kWrite, Aspect::kKeys, table);
      if (!action.constraint.empty()) Add(Mode::kWrite, Aspect::kName, {table.schema, action.constraint});
      if (!action.using_index.empty()) Add(Mode::kWrite, Aspect::kName, {table.schema, action.using_index});
    }
  }

  void DropConstraint(const sql::Action& action) {
    const pg::QualifiedName table = Named(action.relation);
    Add(Mode::kRead, Aspect::kName, table);
    Add(Mode::kWrite, Aspect::kConstraint, table, action.constraint);
    const auto known = effects_.catalog_.tables.find(table);
    const auto* constraint =
        known == effects_.catalog_.tables.end() ? nullptr : known->second.FindConstraint(action.constraint);
    if (constraint == nullptr) return;
    const auto acts = [](char what) { return what != 'a' && what != 'r'; };
    if (constraint->type == 'f' && (acts(constraint->on_delete) || acts(constraint->on_update)))
      Add(Mode::kWrite, Aspect::kRules, constraint->referenced);
    if (constraint->index.empty() || constraint->type == 'f') return;
    Add(Mode::kWrite, Aspect::kKeys, table);
    Add(Mode::kWrite, Aspect::kName, {table.schema, constraint->index});
  }

  void Index(const sql::Action& action) {
    if (action.kind == sql::Kind::kCreateIndex) {
      const pg::QualifiedName table = Named(action.relation);
      Add(Mode::kRead, Aspect::kName, table);
      Columns(Mode::kRead, Aspect::kShape, table, action.columns, false);
      if (!action.index.name.empty()) Add(Mode::kWrite, Aspect::kName, {table.schema, action.index.name});
      if (action.unique) Add(Mode::kWrite, Aspect::kKeys, table);
      return;
    }
    const auto* found = effects_.catalog_.FindIndex(action.index.schema, action.index.name);
    if (found == nullptr) return Anything();
    Add(Mode::kWrite, Aspect::kName, found->first);
    const catalog::Table& table = effects_.catalog_.tables.at(found->second);
    const bool unique = std::ranges::any_of(
        table.indexes, [&](const catalog::Index& index) { return index.name == found->first.name && index.unique; });
    if (!unique) return;
    Add(Mode::kWrite, Aspect::kKeys, table.name);
    Add(Mode::kWrite, Aspect::kRules, table.name);  // until it is gone, it forbids rows
  }

  void CreateTable(const sql::Action& action) {
    for (Access& access : WritesAll(statement_, Named(action.relation))) accesses_.push_back(std::move(access));
    // AS and LIKE take columns over as they are.
    const bool copies = action.says.whole_rows || !action.says.columns.empty();
    for (const sql::Name& read : action.says.reads) {
      Relation(read, action.says, action.fills);
      Add(Mode::kRead, Aspect::kKeys, Named(read));
      if (!copies) continue;
      Columns(Mode::kRead, Aspect::kForm, Named(read), action.says.columns, action.says.whole_rows);
      if (action.says.whole_rows && !action.fills) {
        Add(Mode::kRead, Aspect::kConstraint, Named(read));
        Add(Mode::kRead, Aspect::kTraits, Named(read));
      }
    }
  }

  void DropTable(const sql::Action& action) {
    const pg::QualifiedName table = Named(action.relation);
    for (Access& access : WritesAll(statement_, table)) accesses_.push_back(std::move(access));
    Add(Mode::kEnd, Aspect::kShape, table);
    const auto known = effects_.catalog_.tables.find(table);
    if (known == effects_.catalog_.tables.end()) return;
    for (const catalog::Constraint& key : known->second.constraints) {
      if (key.type == 'f') Add(Mode::kWrite, Aspect::kRules, key.referenced);  // until it is gone, it forbids deletes
    }
  }

  // Views, functions, triggers, types ..., their comments and rights, and what no rule knows.
  void Object(const sql::Action& action) {
    const std::string& kind = action.object_kind;
    if (action.kind == sql::Kind::kOther && !action.relation.name.empty() && kind.starts_with("ALTER TABLE"))
      return Subcommand(action);
    if (kind == "DO block") return Body(action.body);
    const bool describes = kind == "COMMENT" || kind == "GRANT" || kind == "REVOKE";
    const bool fills = kind == "MATERIALIZED VIEW" || kind.starts_with("REFRESH") || kind == "SELECT" ||
                       kind == "COPY" || kind == "MERGE" || kind == "CALL" || kind.starts_with("CREATE T");
    if (kind == "COPY" || kind == "MERGE") Change(Named(action.relation), true, true, true, {});
    Mentioned(action.says, fills);
    if (action.kind == sql::Kind::kCreateObject) Hold(action);
    for (const sql::Target& target : action.says.targets) {
      Target(target, describes);
      // Rights on columns.
      if (!describes || target.space != Space::kRelation) continue;
      for (const std::string& column : action.says.columns)
        Add(Mode::kRead, Aspect::kShape, Named(target.name), column);
    }
  }

  // Of an ALTER TABLE: what no rule knows.
  void Subcommand(const sql::Action& action) {
    const pg::QualifiedName table = Named(action.relation);
    const std::string words = action.object_kind.substr(std::min(action.object_kind.size(), std::size_t{16}));
    const auto is = [&](std::initializer_list<const char*> beginnings) {
      return std::any_of(beginnings.begin(), beginnings.end(), [&](const char* one) { return words.starts_with(one); });
    };
    Add(Mode::kRead, Aspect::kName, table);
    if (is({"SET (", "RESET (", "OWNER", "SET TABLESPACE", "SET LOGGED", "SET UNLOGGED", "SET WITHOUT CLUSTER"}))
      return Add(Mode::kWrite, Aspect::kTraits, table, kItself);
    if (is({"CLUSTER ON"})) {
      Add(Mode::kWrite, Aspect::kTraits, table, kItself);
      return Add(Mode::kRead, Aspect::kName, {table.schema, action.column});
    }
    if (is({"SET STATISTICS", "SET STORAGE", "SET COMPRESSION", "ALTER COLUMN SET (", "ALTER COLUMN RESET ("}) &&
        !action.column.empty()) {
      Add(Mode::kRead, Aspect::kShape, table, action.column);
      return Add(Mode::kWrite, Aspect::kTraits, table, action.column);
    }
    if (is({"ENABLE", "DISABLE", "FORCE ROW", "NO FORCE ROW"})) return Add(Mode::kWrite, Aspect::kRules, table);
    if (is({"VALIDATE CONSTRAINT", "RENAME CONSTRAINT", "ALTER CONSTRAINT"}))
      return Add(Mode::kWrite, Aspect::kConstraint, table,
                 action.constraint.empty() ? action.column : action.constraint);
    for (Access& access : WritesAll(statement_, table)) accesses_.push_back(std::move(access));
    Mentioned(action.says, true);
  }

  // What a new view, rule, trigger, policy or function hangs on.
  void Hold(const sql::Action& action) {
    const bool routine = action.object_kind == "FUNCTION" || action.object_kind == "PROCEDURE";
    const sql::Mentions& says = routine ? action.body : action.says;
    std::vector<sql::Name> relations = says.reads;
    if (action.object_kind == "TRIGGER" || action.object_kind == "RULE" || action.object_kind == "POLICY")
      relations.push_back(action.relation);
    for (const sql::Name& read : relations) {
      // The text of a function in another language is not looked at before it is called.
      if (routine && says.unknown) continue;
      const pg::QualifiedName relation = Named(read);
      if (says.columns.empty() && !says.whole_rows) continue;
      Columns(Mode::kHold, Aspect::kShape, relation, says.columns, says.whole_rows);
      Columns(Mode::kRead, Aspect::kForm, relation, says.columns, says.whole_rows);
    }
  }

  void Target(const sql::Target& target, bool describes) {
    const Mode mode = describes ? Mode::kRead : Mode::kWrite;
    const pg::QualifiedName relation = Named(target.name);
    switch (target.space) {
      case Space::kUnknown:
        return Anything();
      case Space::kRelation:
        Add(mode, Aspect::kName, relation);
        Add(Mode::kWrite, Aspect::kTraits, relation, describes ? kItself : "");
        if (describes) return;
        Add(Mode::kWrite, Aspect::kShape, relation);
        return Add(Mode::kWrite, Aspect::kRows, relation);
      case Space::kRoutine:
        return Add(Mode::kWrite, Aspect::kRoutine, {"", target.name.name});
      case Space::kType:
        return Add(Mode::kWrite, Aspect::kType, {"", target.name.name});
      case Space::kSchema:
        return Add(mode, Aspect::kName, {target.name.name, ""});
      case Space::kExtension:
        Add(mode, Aspect::kRoutine, {});
        return Add(mode, Aspect::kType, {});
      case Space::kRule:
        Add(Mode::kRead, Aspect::kName, relation);
        return Add(Mode::kWrite, Aspect::kRules, relation);
      case Space::kColumn:
        Add(mode, Aspect::kShape, relation, target.part);
        return Add(Mode::kWrite, Aspect::kTraits, relation, target.part);
      case Space::kConstraint:
        return Add(Mode::kWrite, Aspect::kConstraint, relation, target.part);
    }
  }

  const Effects& effects_;
  int statement_;
  Accesses accesses_;
  std::set<pg::QualifiedName> seen_views_;
  std::set<std::string> seen_routines_;
  std::set<std::pair<pg::QualifiedName, bool>> changed_;
};

Effects::Effects(const catalog::Catalog& catalog, const std::vector<sql::Action>& actions) : catalog_(catalog) {
  for (const sql::Action& action : actions) {
    if (action.kind != sql::Kind::kCreateObject) continue;
    for (const sql::Target& target : action.says.targets) {
      if (target.space == Space::kRelation) views_[Resolve(catalog, target.name)].push_back(&action.says);
      if (target.space == Space::kRoutine) routines_[target.name.name].push_back(&action.body);
    }
  }
}

Accesses Effects::Of(const sql::Action& action) const {
  Reader reader(*this, action.statement);
  reader.Read(action);
  return reader.Take();
}

Accesses Effects::OfExpression(int statement, const std::string& expression) const {
  Reader reader(*this, statement);
  const sql::Parsed parsed = sql::Parse("SELECT " + expression);
  if (const auto* actions = std::get_if<std::vector<sql::Action>>(&parsed)) {
    for (const sql::Action& action : *actions) reader.Names(action.says);
  }
  return reader.Take();
}

}  // namespace plan
