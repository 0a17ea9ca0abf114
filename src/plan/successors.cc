#include "plan/successors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/hangers.h"
#include "sql/rename.h"

namespace plan {
namespace {

// Of one table.
class Successors {
 public:
  Successors(Builder& builder, std::vector<Replacement>& replacements, const std::vector<Dropped>& dropped)
      : builder_(builder),
        replacements_(replacements),
        dropped_(dropped),
        table_(*replacements.front().change->table) {}

  void Add() {
    for (const catalog::Index& index : table_.indexes) {
      const std::string& owner = index.constraint;
      if (Stays(index.columns) && !DroppedHere(owner.empty() ? index.name : owner, owner.empty())) Index(index);
    }
    for (const catalog::Constraint& constraint : table_.constraints) {
      if (!Stays(constraint.columns) || DroppedHere(constraint.name, false)) continue;
      if (constraint.type == 'c') Check(constraint);
      if (constraint.type == 'f') ForeignKey(constraint);
    }
    for (const catalog::Dependent& dependent : table_.dependents) {
      if (dependent.kind == catalog::Dependent::Kind::kStatistics && Stays(dependent.columns)) Statistics(dependent);
    }
  }

 private:
  [[nodiscard]] std::vector<Replacement*> Over(const std::vector<std::string>& columns) const {
    std::vector<Replacement*> over;
    for (Replacement& replacement : replacements_) {
      if (Names(columns, replacement.pair.old_name)) over.push_back(&replacement);
    }
    return over;
  }

  // It is over a replaced column, and over none that goes for good.
  [[nodiscard]] bool Stays(const std::vector<std::string>& columns) const {
    return !Over(columns).empty() && std::none_of(dropped_.begin(), dropped_.end(), [&](const Dropped& dropped) {
      return Names(columns, dropped.column);
    });
  }

  [[nodiscard]] bool DroppedHere(const std::string& name, bool index) const {
    return std::ranges::any_of(builder_.actions(), [&](const sql::Action& action) {
      if (index) {
        return action.kind == sql::Kind::kDropIndex && action.index.name == name &&
               (action.index.schema.empty() || action.index.schema == table_.name.schema);
      }
      return action.kind == sql::Kind::kDropConstraint && action.constraint == name &&
             Resolve(builder_.catalog(), action.relation) == table_.name;
    });
  }

  // Both versions' values mean the same to an index or a check: a copy, or a cast that loses nothing.
  static bool Plain(const std::vector<Replacement*>& over) {
    return std::all_of(over.begin(), over.end(), [](const Replacement* r) { return r->pair.up.function.empty(); });
  }

  // "t.a, t.b", for people.
  [[nodiscard]] static std::string Texts(const std::vector<Replacement*>& over) {
    std::vector<std::string> texts;
    for (const Replacement* replacement : over) texts.push_back(replacement->change->Text());
    return fmt::format("{}", fmt::join(texts, ", "));
  }

  [[nodiscard]] static std::string NewNames(const std::vector<Replacement*>& over) {
    std::vector<std::string> names;
    for (const Replacement* replacement : over) names.push_back(replacement->pair.new_name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  static std::string Physical(const Pair& pair, Phase phase) {
    return (phase == Phase::kContract ? StageAfterSwitch(pair) : StageBeforeSwitch(pair)).new_physical;
  }

  static std::string Replaced(std::string text, const std::vector<Replacement*>& over, Phase phase) {
    for (const Replacement* replacement : over)
      text = sql::ReplaceColumn(text, replacement->pair.old_name, Physical(replacement->pair, phase));
    return text;
  }

  // It takes over with the first of its columns: then the former one goes.
  static void Take(const std::vector<Replacement*>& over, Successor successor, const pg::QualifiedName& table) {
    successor.retyped =
        std::any_of(over.begin(), over.end(), [](const Replacement* r) { return !r->change->type.empty(); });
    for (const Replacement* replacement : over) {
      for (const int statement : replacement->statements) {
        Accesses& purges = over.front()->purges;
        if (successor.kind != Successor::Kind::kConstraint)
          purges.push_back(Writes(statement, Aspect::kName, {table.schema, successor.former}));
        if (successor.kind == Successor::Kind::kConstraint || successor.kind == Successor::Kind::kUnique)
          purges.push_back(Writes(statement, Aspect::kConstraint, table, successor.former));
      }
    }
    over.front()->successors.push_back(std::move(successor));
  }

  void Block(const std::vector<Replacement*>& over, const std::string& object, const std::string& reason,
             const std::string& remedy) {
    builder_.Block(object, reason, remedy, over.front()->change->at);
  }

  void Index(const catalog::Index& index) {
    if (index.primary) return;  // blocked with the key itself
    const std::vector<Replacement*> over = Over(index.columns);
    if (table_.kind == 'p') {
      return Block(over, fmt::format("index {}", index.name),
                   "an index of a partitioned table cannot be built concurrently",
                   "drop it before, and create it again after the release");
    }
    if (index.expression && !Plain(over)) {
      return Block(over, fmt::format("index {}", index.name),
                   fmt::format("its expression or predicate is over {}", Texts(over)),
                   "drop it before, and create it again after the release");
    }
    const Phase phase = index.unique ? Phase::kContract : Phase::kMigrate;
    const std::string name = builder_.NewName();
    const pg::QualifiedName qualified{table_.name.schema, name};
    Step& step = builder_.Add(phase, index.unique ? Rank::kTighten : Rank::kPairIndexes, StepKind::kConcurrent,
                              fmt::format("build an index like {} for {}", index.name, NewNames(over)),
                              index.unique ? "concurrently; unique only now, because it would bind the old version"
                                           : "concurrently, so that writes go on");
    step.forward = {{fmt::format(
        "CREATE {}INDEX CONCURRENTLY {} ON {} {}", index.unique ? "UNIQUE " : "", pg::Ident(name), table_.name.Sql(),
        Replaced(InTablespace(index, sql::TailFrom(index.definition, "using")), over, phase))}};
    step.reverse = {{fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", qualified.Sql())}};
    step.reverse_title = "drop the index concurrently";
    step.index = qualified.Sql();
    step.postcondition = {IndexIsValid(table_.name, qualified), "the index is valid"};
    step.reverse_postcondition = {Not(TableExists(qualified)), "the index is gone"};
    step.locks = {{table_.name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
    const bool owned = !index.constraint.empty();
    Take(over,
         {name, owned ? index.constraint : index.name, owned ? Successor::Kind::kUnique : Successor::Kind::kIndex},
         table_.name);
  }

  // The server prints a definition without it; it stands before the predicate.
  static std::string InTablespace(const catalog::Index& index, const std::string& definition) {
    if (index.tablespace.empty()) return definition;
    const std::string where = sql::TailFrom(definition, "where");
    return fmt::format("{} TABLESPACE {} {}", definition.substr(0, definition.size() - where.size()),
                       pg::Ident(index.tablespace), where);
  }

  void Check(const catalog::Constraint& constraint) {
    const std::vector<Replacement*> over = Over(constraint.columns);
    if (!Plain(over)) {
      return Block(over, fmt::format("constraint {} on {}", constraint.name, table_.name.Text()),
                   fmt::format("it checks {}, whose values change", over.front()->pair.old_name),
                   "drop it in a release before this one, and add the new one after it");
    }
    Constraint(constraint, over, Replaced(constraint.definition, over, Phase::kMigrate), "ACCESS EXCLUSIVE");
  }

  void ForeignKey(const catalog::Constraint& constraint) {
    const std::vector<Replacement*> over = Over(constraint.columns);
    const bool plain = Plain(over);
    if (!plain || (table_.kind == 'p' && builder_.catalog().server_version < 180000)) {
      return Block(over, fmt::format("constraint {} on {}", constraint.name, table_.name.Text()),
                   plain
                       ? "a foreign key of a partitioned table cannot be added without a long lock before PostgreSQL 18"
                       : fmt::format("it refers by {}, whose values change", over.front()->pair.old_name),
                   "drop it before, and add it again after the release");
    }
    std::vector<std::string> columns = constraint.columns;
    for (std::string& column : columns) {
      for (const Replacement* replacement : over) {
        if (column == replacement->pair.old_name) column = Physical(replacement->pair, Phase::kMigrate);
      }
    }
    Constraint(
        constraint, over,
        fmt::format("FOREIGN KEY ({}) {}", pg::IdentList(columns), sql::TailFrom(constraint.definition, "references")),
        "SHARE ROW EXCLUSIVE");
  }

  void Constraint(const catalog::Constraint& constraint, const std::vector<Replacement*>& over, std::string definition,
                  const std::string& lock) {
    if (!definition.ends_with(" NOT VALID")) definition += " NOT VALID";
    const std::string name = builder_.NewName();
    const std::string alter = "ALTER TABLE " + table_.name.Sql();
    Step& add = builder_.Add(Phase::kMigrate, Rank::kPairIndexes, StepKind::kSql,
                             fmt::format("add a constraint like {} for {}", constraint.name, NewNames(over)),
                             "NOT VALID needs no scan");
    add.forward = {{fmt::format("{} ADD CONSTRAINT {} {}", alter, pg::Ident(name), definition),
                    Not(ConstraintExists(table_.name, name))}};
    add.reverse = {{fmt::format("{} DROP CONSTRAINT IF EXISTS {}", alter, pg::Ident(name))}};
    add.reverse_title = "drop the constraint";
    add.postcondition = {ConstraintExists(table_.name, name), "the constraint is there"};
    add.reverse_postcondition = {Not(ConstraintExists(table_.name, name)), "the constraint is gone"};
    add.locks = {{table_.name, lock, LockWork::kNone}};
    if (constraint.type == 'f') add.locks.push_back({constraint.referenced, lock, LockWork::kNone});
    Successor successor{name, constraint.name, Successor::Kind::kConstraint};
    if (constraint.type == 'f') successor.referenced = constraint.referenced;
    Take(over, std::move(successor), table_.name);
    if (!constraint.validated) return;
    Step& validate = builder_.Add(Phase::kMigrate, Rank::kPairIndexes, StepKind::kSql,
                                  fmt::format("validate the constraint like {}", constraint.name),
                                  "the scan runs under a lock that reads and writes pass");
    validate.forward = {{fmt::format("{} VALIDATE CONSTRAINT {}", alter, pg::Ident(name))}};
    validate.reverse_title = "nothing to undo";
    validate.postcondition = {ConstraintExists(table_.name, name), "the constraint is there"};
    validate.locks = {{table_.name, "SHARE UPDATE EXCLUSIVE", LockWork::kScan}};
  }

  // Statistics have their columns in the order in which those were made, and new ones are made last.
  [[nodiscard]] bool KeepsOrder(const std::vector<std::string>& columns) const {
    std::vector<std::string> order;
    for (const std::string& column : columns) {
      if (Over({column}).empty()) order.push_back(column);
    }
    for (const Replacement& replacement : replacements_) {
      if (Names(columns, replacement.pair.old_name)) order.push_back(replacement.pair.old_name);
    }
    return order == columns;
  }

  void Statistics(const catalog::Dependent& dependent) {
    const std::vector<Replacement*> over = Over(dependent.columns);
    if (!KeepsOrder(dependent.columns)) {
      return Block(over, fmt::format("extended statistics {}", dependent.name),
                   fmt::format("they are over {}, and would have their columns in another order", Texts(over)),
                   fmt::format("DROP STATISTICS {} before, and create them again after the release", dependent.name));
    }
    // "CREATE STATISTICS name (kinds) ON columns FROM table", the name as the dependent's own.
    const std::string rest =
        dependent.definition.substr(std::string("CREATE STATISTICS ").size() + dependent.name.size());
    const std::string from = sql::TailFrom(rest, "from");
    const std::string name = builder_.NewName();
    const pg::QualifiedName qualified{dependent.table.schema, name};
    Step& step = builder_.Add(Phase::kMigrate, Rank::kPairIndexes, StepKind::kSql,
                              fmt::format("make statistics like {} for {}", dependent.name, NewNames(over)),
                              "the next ANALYZE fills them");
    step.forward = {{fmt::format("CREATE STATISTICS {}{}{}", qualified.Sql(),
                                 Replaced(rest.substr(0, rest.size() - from.size()), over, Phase::kMigrate), from),
                     Not(StatisticsExist(qualified))}};
    step.reverse = {{fmt::format("DROP STATISTICS IF EXISTS {}", qualified.Sql())}};
    step.reverse_title = "drop them";
    step.postcondition = {StatisticsExist(qualified), "the statistics are there"};
    step.reverse_postcondition = {Not(StatisticsExist(qualified)), "the statistics are gone"};
    step.locks = {{table_.name, "SHARE UPDATE EXCLUSIVE", LockWork::kNone}};
    Take(over, {name, dependent.table.name, Successor::Kind::kStatistics, std::nullopt, dependent.table.schema},
         {dependent.table.schema, table_.name.name});
  }

  Builder& builder_;
  std::vector<Replacement>& replacements_;
  const std::vector<Dropped>& dropped_;
  const catalog::Table& table_;
};

std::string Block(const std::string& body) { return "DO " + pg::DollarQuote(body); }

std::string CarryIndex(const pg::QualifiedName& table, const pg::QualifiedName& former,
                       const pg::QualifiedName& successor, bool targets) {
  return Block(fmt::format(R"sql(
DECLARE
  former CONSTANT regclass := {0}::regclass;
  entry record;
BEGIN
  FOR entry IN SELECT obj_description(former, 'pg_class') AS note LOOP
    IF entry.note IS NOT NULL THEN EXECUTE format('COMMENT ON INDEX %s IS %L', {1}, entry.note); END IF;
  END LOOP;
  FOR entry IN SELECT attnum, attstattarget FROM pg_attribute WHERE {4} AND attrelid = former AND attstattarget >= 0 LOOP
    EXECUTE format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', {1}, entry.attnum, entry.attstattarget);
  END LOOP;
  FOR entry IN SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
               WHERE d.classid = 'pg_class'::regclass AND d.objid = former AND d.deptype = 'x'
                 AND d.refclassid = 'pg_extension'::regclass LOOP
    EXECUTE format('ALTER INDEX %s DEPENDS ON EXTENSION %I', {1}, entry.extname);
  END LOOP;
  IF (SELECT indisclustered FROM pg_index WHERE indexrelid = former) THEN
    EXECUTE format('ALTER TABLE %s CLUSTER ON %I', {2}, {3});
  END IF;
  IF (SELECT indisreplident FROM pg_index WHERE indexrelid = former) THEN
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', {2}, {3});
  END IF;
END)sql",
                           pg::Literal(former.Sql()), pg::Literal(successor.Sql()), pg::Literal(table.Sql()),
                           pg::Literal(successor.name), targets));
}

std::string ConstraintComment(const pg::QualifiedName& table, const std::string& former) {
  return fmt::format(
      "(SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = {}::regclass AND conname = "
      "{})",
      pg::Literal(table.Sql()), pg::Literal(former));
}

std::string CarryStatistics(const pg::QualifiedName& former, const pg::QualifiedName& successor, bool targets) {
  return Block(fmt::format(R"sql(
DECLARE
  entry record;
BEGIN
  FOR entry IN SELECT obj_description(s.oid, 'pg_statistic_ext') AS note, s.stxstattarget AS target,
                      pg_get_userbyid(s.stxowner) AS owner, s.stxowner = n.stxowner AS same
                 FROM pg_statistic_ext s
                 JOIN pg_statistic_ext n ON n.stxnamespace = s.stxnamespace AND n.stxname = {2}
                WHERE s.stxnamespace = {0}::regnamespace AND s.stxname = {1} LOOP
    IF entry.note IS NOT NULL THEN EXECUTE format('COMMENT ON STATISTICS %s IS %L', {3}, entry.note); END IF;
    IF {4} AND entry.target >= 0 THEN EXECUTE format('ALTER STATISTICS %s SET STATISTICS %s', {3}, entry.target); END IF;
    IF NOT entry.same THEN EXECUTE format('ALTER STATISTICS %s OWNER TO %I', {3}, entry.owner); END IF;
  END LOOP;
END)sql",
                           pg::Literal(pg::Ident(former.schema)), pg::Literal(former.name), pg::Literal(successor.name),
                           pg::Literal(successor.Sql()), targets));
}

}  // namespace

void AddSuccessors(Builder& builder, std::vector<Replacement>& replacements, const std::vector<Dropped>& dropped) {
  if (replacements.empty()) return;
  builder.For(replacements.front().change->Statement(), {});
  Successors(builder, replacements, dropped).Add();
}

std::vector<Statement> CarryOver(const pg::QualifiedName& table, const Successor& successor) {
  const std::string schema = successor.schema.empty() ? table.schema : successor.schema;
  const pg::QualifiedName former{schema, successor.former};
  const pg::QualifiedName next{schema, successor.generated};
  switch (successor.kind) {
    case Successor::Kind::kIndex:
      return {{CarryIndex(table, former, next, !successor.retyped)}};
    case Successor::Kind::kUnique:
      // Its own comment waits in a setting of the transaction: the constraint is not there yet.
      return {{CarryIndex(table, former, next, !successor.retyped)},
              {fmt::format("SELECT set_config('switchback.note', {}, true)", ConstraintComment(table, former.name))}};
    case Successor::Kind::kConstraint:
      return {{Block(
          fmt::format("DECLARE note CONSTANT text := {}; BEGIN IF note IS NOT NULL THEN EXECUTE format('COMMENT ON "
                      "CONSTRAINT %I ON "
                      "%s IS %L', {}, {}, note); END IF; END",
                      ConstraintComment(table, former.name), pg::Literal(next.name), pg::Literal(table.Sql())))}};
    case Successor::Kind::kStatistics:
      return {{CarryStatistics(former, next, !successor.retyped)}};
  }
  return {};
}

std::vector<Statement> TakeOver(const pg::QualifiedName& table, const Successor& successor) {
  const std::string alter = "ALTER TABLE " + table.Sql();
  const std::string former = pg::Ident(successor.former);
  const std::string generated = pg::Ident(successor.generated);
  switch (successor.kind) {
    case Successor::Kind::kIndex:
      return {{fmt::format("ALTER INDEX {} RENAME TO {}", pg::Ident(table.schema, successor.generated), former)}};
    case Successor::Kind::kUnique:
      return {
          {fmt::format("{} ADD CONSTRAINT {} UNIQUE USING INDEX {}", alter, former, generated)},
          {Block(fmt::format("DECLARE note CONSTANT text := nullif(current_setting('switchback.note', true), ''); "
                             "BEGIN IF note IS NOT NULL THEN EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L', "
                             "{}, {}, note); END IF; END",
                             pg::Literal(successor.former), pg::Literal(table.Sql())))}};
    case Successor::Kind::kConstraint:
      return {{fmt::format("{} RENAME CONSTRAINT {} TO {}", alter, generated, former)}};
    case Successor::Kind::kStatistics:
      return {
          {fmt::format("ALTER STATISTICS {} RENAME TO {}", pg::Ident(successor.schema, successor.generated), former)}};
  }
  return {};
}

}  // namespace plan
