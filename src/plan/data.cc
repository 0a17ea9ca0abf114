#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/conditions.h"
#include "plan/hangers.h"
#include "plan/new_column.h"
#include "plan/rules.h"

namespace plan {
namespace {

bool Contains(const std::vector<std::string>& list, const std::string& entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

class DataRule {
 public:
  DataRule(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes)
      : builder_(builder), action_(action), changes_(changes) {}

  void Compile() {
    const catalog::Table* table = builder_.catalog().Find(action_.relation.schema, action_.relation.name);
    if (table == nullptr || table->kind != 'r') {
      builder_.Block(Resolve(builder_.catalog(), action_.relation).Text(),
                     table == nullptr ? "there is no such table yet" : "rows of such a relation cannot be imaged",
                     "change the rows of existing plain tables; rows for a table that this release creates belong into "
                     "the next one",
                     action_.at);
      return;
    }
    builder_.Touch(table->name);
    if (!NamesWhatStands(*table)) return;
    for (const sql::Name& written : action_.writes) builder_.Touch(Resolve(builder_.catalog(), written));
    if (const std::string reason = WhyOpaque(*table); !reason.empty())
      return RunOpaque(builder_, action_, reason, changes_);
    if (!ReadsWhatStands(*table) || !Collect(*table)) return;
    data_.capture_id = builder_.NewName();
    for (std::size_t i = 0; i < tables_.size(); ++i) AddCapture(*tables_[i], i);
    AddSteps(*table);
  }

 private:
  [[nodiscard]] std::string WhyOpaque(const catalog::Table& table) const {
    const std::vector<std::string> key = table.KeyColumns();
    if (key.empty()) return "the table has no primary key, so an image could not be brought back to its row";
    if (!action_.writes.empty()) return "it writes further tables";
    const auto sets = [this](const std::string& column) { return Contains(action_.columns, column); };
    if (action_.kind != sql::Kind::kUpdate) return "";
    for (const std::string& column : key) {
      const catalog::Column& part = *table.FindColumn(column);
      const bool moved = part.generated && std::ranges::any_of(sql::ExpressionColumns(*part.default_expression), sets);
      if (sets(column) || moved) return "it changes the primary key";
    }
    return "";
  }

  // The columns that it sets, and what it reads and writes besides its table.
  bool NamesWhatStands(const catalog::Table& table) {
    for (const auto* relations : {&action_.reads, &action_.writes}) {
      for (const sql::Name& relation : *relations) {
        if (!builder_.Stands(relation, action_.at)) return false;
      }
    }
    return ColumnsStand(builder_, action_, table, changes_, action_.columns);
  }

  // Columns that this release replaces have another name or type by then: the statement would mean something else.
  bool ReadsWhatStands(const catalog::Table& table) {
    for (const ColumnChange& change : changes_) {
      if (change.table != &table) continue;
      builder_.Block(table.name.Text(),
                     fmt::format("statement {} changes its rows, and the release changes its column {}",
                                 action_.statement, change.new_name),
                     "put the change of rows into a release of its own", action_.at);
      return false;
    }
    return true;
  }

  // What the statement, or a cascade of it, does to the rows of a table.
  struct Reached {
    const catalog::Table* table = nullptr;
    bool inserts = false;
    bool deletes = false;
    std::vector<std::string> columns = {};  // that it sets in rows that are there
    bool operator==(const Reached&) const = default;
  };

  static bool Fires(const Reached& reached, const catalog::Trigger& trigger) {
    return (trigger.on_insert && reached.inserts) || (trigger.on_delete && reached.deletes) ||
           (trigger.on_update && !reached.columns.empty());
  }

  // The statement's own table, and those that its cascades reach.
  bool Collect(const catalog::Table& table) {
    const bool inserts = action_.kind == sql::Kind::kInsertSelect;
    Reached own{&table, inserts, action_.kind == sql::Kind::kDelete,
                inserts ? action_.conflict_columns : action_.columns};
    if (!Reach(std::move(own))) return false;
    for (std::size_t i = 0; i < reached_.size(); ++i) {
      if (!Follow(Reached(reached_[i]))) return false;
    }
    return true;
  }

  bool Triggers(const Reached& reached) {
    for (const catalog::Trigger& trigger : reached.table->triggers) {
      if (trigger.ours || !trigger.enabled || !Fires(reached, trigger)) continue;
      const std::string name = fmt::format("trigger {} on {}", trigger.name, reached.table->name.Text());
      if (trigger.before && trigger.row) {
        builder_.Notice(Phase::kMigrate, fmt::format("{} fires for the rows of statement {}", name, action_.statement));
      } else {
        builder_.Block(
            name, "it would fire, and what it writes elsewhere could not be taken back",
            "disable it before, or give the statement a `down` of its own in a release with an opaque statement",
            action_.at);
        return false;
      }
    }
    return true;
  }

  // Rules rewrite the statement, a cascade's and those of the way back too: what is written then has no image. And rows
  // of tables that inherit are reached through this one, and have none either.
  bool HasImages(const catalog::Table& table) {
    for (const catalog::Dependent& rule : RulesOn(table)) {
      builder_.Block("rule " + rule.name,
                     "it rewrites what is written to the table, and what it writes instead could not be taken back",
                     "drop the rule before, or make it a BEFORE ROW trigger; or change the rows by a DO block with a "
                     "`down` of its own",
                     action_.at);
      return false;
    }
    if (table.partitions.empty()) return true;
    builder_.Block(
        table.name.Text(),
        fmt::format("{} inherits from it, and its rows would change without an image", table.partitions.front().Text()),
        "change the rows by a DO block with a `down` of its own", action_.at);
    return false;
  }

  // What foreign keys of other tables, and of the table itself, do because of it.
  bool Follow(const Reached& from) {
    const auto touches = [&](const std::vector<std::string>& referenced) {
      return from.deletes ||
             std::ranges::any_of(from.columns, [&](const std::string& column) { return Contains(referenced, column); });
    };
    for (const catalog::Dependent& dependent : from.table->dependents) {
      if (dependent.kind == catalog::Dependent::Kind::kForeignKey && touches(dependent.columns) &&
          !builder_.catalog().tables.contains(dependent.table))
        return Refuse(dependent.name, "its cascade reaches further than what was read");
    }
    for (const auto& [name, child] : builder_.catalog().tables) {
      for (const catalog::Constraint& key : child.constraints) {
        if (key.type != 'f' || key.referenced != from.table->name || !touches(key.referenced_columns)) continue;
        const char acts = from.deletes ? key.on_delete : key.on_update;
        if (acts == 'a' || acts == 'r') continue;
        const bool deletes = from.deletes && acts == 'c';
        if (!Reach({&child, false, deletes, deletes ? std::vector<std::string>() : key.columns})) return false;
      }
    }
    return true;
  }

  bool Reach(Reached reached) {
    if (std::find(reached_.begin(), reached_.end(), reached) != reached_.end()) return true;
    if (!Triggers(reached)) return false;
    const catalog::Table* table = reached.table;
    reached_.push_back(std::move(reached));
    if (std::find(tables_.begin(), tables_.end(), table) != tables_.end()) return true;
    if (table->KeyColumns().empty() || table->kind != 'r')
      return Refuse(table->name.Text(), "a cascade reaches its rows, and it has no primary key");
    tables_.push_back(table);
    builder_.Touch(table->name);
    builder_.MustMaster(*table, action_.at);
    return HasImages(*table);
  }

  bool Refuse(const std::string& object, const std::string& reason) {
    builder_.Block(object, reason,
                   "delete the rows of the referencing tables in statements of their own, before this one", action_.at);
    return false;
  }

  void AddCapture(const catalog::Table& table, std::size_t number) {
    DataChange::Capture capture;
    capture.table = table.name;
    capture.images = fmt::format("{}_i{}", data_.capture_id, number + 1);
    capture.columns = StoredColumns(table);
    capture.key = table.KeyColumns();
    // Generated ones are kept where they tell which row it is.
    for (const std::string& column : capture.key) {
      if (!Contains(capture.columns, column)) capture.columns.push_back(column);
    }
    data_.captures.push_back(std::move(capture));
  }

  [[nodiscard]] std::string TriggerName() const { return "~switchback_" + data_.capture_id; }
  [[nodiscard]] static std::string FunctionName(const DataChange::Capture& capture) {
    return pg::Ident("switchback", "capture_" + capture.images);
  }

  static std::vector<std::string> CreateImages(const DataChange::Capture& capture) {
    std::vector<std::string> columns;
    for (const char side : {'b', 'a'}) {
      for (std::size_t i = 0; i < capture.columns.size(); ++i)
        columns.push_back(fmt::format("{}.{} AS {}{}", side, pg::Ident(capture.columns[i]), side, i + 1));
    }
    const std::string images = pg::Ident("switchback", capture.images);
    const std::string table = capture.table.Sql();
    return {fmt::format("DROP TABLE IF EXISTS {}", images),
            fmt::format("CREATE TABLE {} AS SELECT NULL::text AS op, {} FROM {} b, {} a WITH NO DATA", images,
                        fmt::join(columns, ", "), table, table),
            fmt::format("ALTER TABLE {} ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY", images)};
  }

  static std::string CreateFunction(const DataChange::Capture& capture) {
    std::vector<std::string> names[2];
    std::vector<std::string> values[2];
    for (std::size_t i = 0; i < capture.columns.size(); ++i) {
      for (const int side : {0, 1}) {
        names[side].push_back(fmt::format("{}{}", side == 0 ? 'b' : 'a', i + 1));
        values[side].push_back((side == 0 ? "OLD." : "NEW.") + pg::Ident(capture.columns[i]));
      }
    }
    const std::string images = pg::Ident("switchback", capture.images);
    return fmt::format(
        "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS {}",
        FunctionName(capture),
        pg::DollarQuote(
            fmt::format("BEGIN IF TG_OP = 'INSERT' THEN INSERT INTO {0} (op, {2}) VALUES ('I', {4}); "
                        "ELSIF TG_OP = 'DELETE' THEN INSERT INTO {0} (op, {1}) VALUES ('D', {3}); "
                        "ELSE INSERT INTO {0} (op, {1}, {2}) VALUES ('U', {3}, {4}); END IF; RETURN NULL; END",
                        images, fmt::join(names[0], ", "), fmt::join(names[1], ", "), fmt::join(values[0], ", "),
                        fmt::join(values[1], ", "))));
  }

  [[nodiscard]] std::vector<std::string> CreateTriggers() const {
    std::vector<std::string> statements;
    for (const DataChange::Capture& capture : data_.captures) {
      statements.push_back(CreateFunction(capture));
      statements.push_back(fmt::format(
          "CREATE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW WHEN "
          "(pg_catalog.current_setting('switchback.capture', true) = {}) EXECUTE FUNCTION {}()",
          pg::Ident(TriggerName()), capture.table.Sql(), pg::Literal(data_.capture_id), FunctionName(capture)));
    }
    return statements;
  }

  [[nodiscard]] std::vector<std::string> DropTriggers() const {
    std::vector<std::string> statements;
    for (const DataChange::Capture& capture : data_.captures) {
      statements.push_back(
          fmt::format("DROP TRIGGER IF EXISTS {} ON {}", pg::Ident(TriggerName()), capture.table.Sql()));
      statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", FunctionName(capture)));
    }
    return statements;
  }

  [[nodiscard]] std::vector<std::string> DropImages() const {
    std::vector<std::string> statements;
    for (const DataChange::Capture& capture : data_.captures) {
      statements.push_back(fmt::format("DROP TABLE IF EXISTS {}", pg::Ident("switchback", capture.images)));
    }
    return statements;
  }

  void AddSteps(const catalog::Table& table) {
    std::vector<Lock> locks;
    for (const DataChange::Capture& capture : data_.captures)
      locks.push_back({capture.table, "SHARE ROW EXCLUSIVE", LockWork::kNone});
    const Condition watched{TriggerExists(table.name, TriggerName()), "the triggers are there"};
    const Condition unwatched{Not(watched.sql), "the triggers are gone"};

    Step& prepare = builder_.Add(Phase::kMigrate, Rank::kData, StepKind::kSql,
                                 fmt::format("prepare images for statement {}", action_.statement),
                                 "each row is kept as it was and as it became");
    for (const DataChange::Capture& capture : data_.captures) {
      for (std::string& statement : CreateImages(capture)) prepare.forward.push_back({std::move(statement)});
    }
    for (Statement& statement : Statements(CreateTriggers())) prepare.forward.push_back(std::move(statement));
    prepare.reverse = Statements(DropTriggers());
    for (Statement& statement : Statements(DropImages())) prepare.reverse->push_back(std::move(statement));
    prepare.reverse_title = "drop the images";
    prepare.accesses.clear();
    prepare.postcondition = watched;
    prepare.reverse_postcondition = unwatched;
    prepare.locks = locks;

    Step& change = builder_.Add(Phase::kMigrate, Rank::kData, StepKind::kData,
                                fmt::format("statement {}: {} {}", action_.statement, Verb(), table.name.Text()),
                                "one transaction, because the statement may read more than its own row");
    change.forward = {{action_.text}};
    change.reverse_title = "bring the images back; rows that changed since are listed, not touched";
    change.search_path = builder_.AuthorsPath();
    change.locks = {{table.name, "ROW EXCLUSIVE", LockWork::kNone}};
    for (const catalog::Table* written : tables_) {
      change.footprint.push_back({written->name, written == &table && action_.kind == sql::Kind::kUpdate
                                                     ? action_.columns
                                                     : StoredColumns(*written)});
    }
    change.data = data_;

    Step& finish =
        builder_.Add(Phase::kMigrate, Rank::kData, StepKind::kSql,
                     fmt::format("stop keeping images for statement {}", action_.statement), "they are complete");
    finish.forward = Statements(DropTriggers());
    finish.reverse = Statements(CreateTriggers());
    finish.reverse_title = "create the triggers again";
    finish.accesses.clear();
    finish.postcondition = unwatched;
    finish.reverse_postcondition = watched;
    for (Lock& lock : locks) lock.mode = "ACCESS EXCLUSIVE";  // DROP TRIGGER takes it
    finish.locks = locks;

    Step& purge =
        builder_.Add(Phase::kPurge, Rank::kFinish, StepKind::kSql,
                     fmt::format("drop the images of statement {}", action_.statement), "the rollback window is over");
    purge.forward = Statements(DropImages());
    purge.reverse.reset();
    purge.reverse_title = "none: the rows as they were are in the backup only";
    purge.accesses.clear();
    purge.postcondition = {Not(TableExists({"switchback", data_.captures.front().images})), "the images are gone"};
  }

  [[nodiscard]] std::string Verb() const {
    switch (action_.kind) {
      case sql::Kind::kUpdate:
        return "update";
      case sql::Kind::kDelete:
        return "delete from";
      default:
        return "insert into";
    }
  }

  Builder& builder_;
  const sql::Action& action_;
  const std::vector<ColumnChange>& changes_;
  std::vector<const catalog::Table*> tables_;
  std::vector<Reached> reached_;
  DataChange data_;
};

}  // namespace

std::vector<std::string> StoredColumns(const catalog::Table& table) {
  std::vector<std::string> columns;
  for (const catalog::Column& column : table.columns) {
    if (!column.generated) columns.push_back(column.name);
  }
  return columns;
}

bool ChangesData(sql::Kind kind) {
  return kind == sql::Kind::kUpdate || kind == sql::Kind::kDelete || kind == sql::Kind::kInsertSelect;
}

void ChangeData(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  DataRule(builder, action, changes).Compile();
}

}  // namespace plan
