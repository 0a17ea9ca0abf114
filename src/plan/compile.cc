#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "plan/builder.h"
#include "plan/claim.h"
#include "plan/column_change.h"
#include "plan/hangers.h"
#include "plan/new_column.h"
#include "plan/plan.h"
#include "plan/references.h"
#include "plan/replacement.h"
#include "plan/replica_identity.h"
#include "plan/rules.h"
#include "plan/successors.h"
#include "plan/walk.h"

namespace plan {
namespace {

std::vector<sql::Action> ActionsOf(const release::Release& release) {
  sql::Parsed parsed = sql::Parse(release.change_sql);
  if (const auto* error = std::get_if<sql::SyntaxError>(&parsed)) {
    throw base::Error(base::Code::kSqlSyntax, error->message)
        .At(release.change_path.string(), error->at.line, error->at.column)
        .Detail(error->caret);
  }
  return std::get<std::vector<sql::Action>>(std::move(parsed));
}

// Steps of columns that have a successor or none, gathered by table, because their names change in one transaction.
struct TableWork {
  std::vector<Replacement> replacements;
  std::vector<Dropped> dropped;
};

bool KnownType(Builder& builder, const ColumnChange& change) {
  if (change.type.empty() || builder.catalog().TypeOf(change.type).exists) return true;
  builder.Block(change.Text(), fmt::format("there is no type {}", change.type),
                "create the type in a release before this one", change.at);
  return false;
}

void CompileColumns(Builder& builder, const std::vector<ColumnChange>& changes,
                    const std::set<std::string>& replaced_functions) {
  const auto replaces = [&](const std::string& function) {
    const std::string name = function.substr(0, function.find('('));
    return replaced_functions.contains(name) || replaced_functions.contains(name.substr(name.rfind('.') + 1));
  };
  std::map<pg::QualifiedName, TableWork> work;
  for (const ColumnChange& change : changes) {
    builder.For(change.Statement(), {});
    if (change.old_name.empty()) {
      AddColumn(builder, change, changes);
    } else if (change.dropped) {
      CheckHangers(builder, change, Use::kDrop, replaces);
      if (change.cascade)
        builder.Block(change.Text(), "CASCADE would take along what hangs on it",
                      "name those objects, and drop them before", change.at);
      work[change.table->name].dropped.push_back(Drop(builder, change, changes));
    } else if (KnownType(builder, change)) {
      if (NeedsReplacement(builder, change)) {
        CheckHangers(builder, change, Use::kReplace, replaces);
        if (auto replacement = Replace(builder, change, changes))
          work[change.table->name].replacements.push_back(std::move(*replacement));
      } else {
        if (!change.type.empty()) CheckHangers(builder, change, Use::kInPlace, replaces);
        ChangeInPlace(builder, change);
      }
    }
  }
  for (auto& [table, entry] : work) {
    AddSuccessors(builder, entry.replacements, entry.dropped);
    SwapNames(builder, table, entry.replacements);
    RetireNames(builder, table, entry.replacements, entry.dropped);
  }
}

void CheckUnderstood(Builder& builder, const sql::Action& action) {
  const auto refused = builder.catalog().refused.find(action.text);
  if (refused == builder.catalog().refused.end()) return;
  builder.Block(fmt::format("statement {}", action.statement),
                fmt::format("the server does not understand it: {}", refused->second), "correct the statement",
                action.at);
}

// A setting that a statement of its own would make for the statements after it, other than by SET.
void CheckNoSetting(Builder& builder, const sql::Action& action) {
  const auto sets = [](const std::vector<sql::Name>& functions) {
    return std::any_of(functions.begin(), functions.end(),
                       [](const sql::Name& function) { return function.name == "set_config"; });
  };
  if (!sets(action.says.functions) && !(action.object_kind == "DO block" && sets(action.body.functions))) return;
  builder.Block(fmt::format("statement {}", action.statement),
                "set_config() is for its own session only, and steps run in sessions of theirs",
                "leave it out; qualify names instead of setting search_path", action.at);
}

// The table that only its owner may change so; null: nobody need own one, or it is not there yet.
const catalog::Table* Altered(const catalog::Catalog& catalog, const sql::Action& action) {
  switch (action.kind) {
    case sql::Kind::kDropIndex: {
      const auto* index = catalog.FindIndex(action.index.schema, action.index.name);
      return index == nullptr ? nullptr : catalog.Find(index->second.schema, index->second.name);
    }
    case sql::Kind::kCreateObject:
    case sql::Kind::kOther:
      return nullptr;
    default:
      return catalog.Find(action.relation.schema, action.relation.name);
  }
}

// Settings and transactions belong to sessions, and each step has its own; some statements run in no transaction.
bool BlockedOther(Builder& builder, const sql::Action& action) {
  static const std::set<std::string> kSession = {"SET",     "RESET",      "DISCARD", "LISTEN", "UNLISTEN", "PREPARE",
                                                 "EXECUTE", "DEALLOCATE", "DECLARE", "FETCH",  "LOAD",     "LOCK"};
  static const std::set<std::string> kAlone = {
      "VACUUM",          "CREATE DATABASE",    "DROP DATABASE", "ALTER SYSTEM", "CREATE TABLESPACE",
      "DROP TABLESPACE", "CREATE SUBSCRIPTION"};
  const std::string object = fmt::format("statement {}", action.statement);
  if (action.object_kind == "transaction control") {
    builder.Block(object, "transactions are made by the steps", "leave BEGIN, COMMIT and the like out", action.at);
  } else if (kSession.contains(action.object_kind)) {
    builder.Block(
        object, fmt::format("{} is for its own session only, and steps run in sessions of theirs", action.object_kind),
        "leave it out; qualify names instead of setting search_path", action.at);
  } else if (kAlone.contains(action.object_kind)) {
    builder.Block(object, fmt::format("{} cannot run in a transaction, nor be taken back", action.object_kind),
                  "run it by hand, before or after the release", action.at);
  } else {
    return false;
  }
  return true;
}

// `alone`: the release does nothing but change data.
void CompileAction(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes, bool alone) {
  switch (action.kind) {
    case sql::Kind::kAddCheck:
      return AddCheck(builder, action, changes);
    case sql::Kind::kAddForeignKey:
      return AddForeignKey(builder, action, changes);
    case sql::Kind::kAddUnique:
    case sql::Kind::kAddPrimaryKey:
      return AddUnique(builder, action, changes);
    case sql::Kind::kDropConstraint:
      return DropConstraint(builder, action);
    case sql::Kind::kCreateIndex:
      return CreateIndex(builder, action, changes);
    case sql::Kind::kDropIndex:
      return DropIndex(builder, action);
    case sql::Kind::kSetReplica:
      return SetReplicaIdentity(builder, action, changes);
    case sql::Kind::kCreateTable:
      return CreateTable(builder, action);
    case sql::Kind::kDropTable:
      return DropTable(builder, action);
    case sql::Kind::kUpdate:
    case sql::Kind::kDelete:
    case sql::Kind::kInsertSelect:
      // What the release makes or renames, the server cannot know yet.
      if (alone) CheckUnderstood(builder, action);
      return ChangeData(builder, action, changes);
    case sql::Kind::kRenameTable:
      builder.Block(Resolve(builder.catalog(), action.relation).Text(), "renaming a table is not compiled into steps",
                    "create a view under the new name in this release, and rename in one after the old version is gone",
                    action.at);
      return;
    case sql::Kind::kOther:
      if (BlockedOther(builder, action)) return;
      return RunOpaque(builder, action, "no rule knows this statement", changes);
    default:
      return RunOpaque(builder, action, "it is run as it stands", changes);
  }
}

// Tables of which a backup or the stream of changes holds nothing, so that no restore brings their rows back.
void NoticeWhatNoBackupHolds(const catalog::Catalog& catalog, Plan& plan) {
  for (const pg::QualifiedName& name : plan.tables) {
    const auto table = catalog.tables.find(name);
    if (table == catalog.tables.end()) continue;
    const bool foreign = table->second.kind == 'f';
    if (!foreign && table->second.persistence != 'u') continue;
    plan.notices.push_back(
        {Phase::kExpand,
         foreign ? name.Text() + " is a foreign table: its rows are in no backup of this server"
                 : name.Text() + " is unlogged: a restore brings it back empty, and salvage has nothing of it"});
  }
}

// Statements and expressions of the author that a session of his own would have run under other settings.
void NoticeOwnSettings(const catalog::Catalog& catalog, Plan& plan) {
  const bool data = std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
    return step.kind == StepKind::kData || step.kind == StepKind::kOpaque;
  });
  const bool values = std::any_of(plan.pairs.begin(), plan.pairs.end(), [](const Pair& pair) {
    return pair.up.pins_settings || (pair.down && pair.down->pins_settings);
  });
  if (catalog.own_settings.empty() || (!data && !values)) return;
  std::vector<std::string> settings;
  for (const auto& [name, value] : catalog.own_settings) settings.push_back(fmt::format("{} = {}", name, value));
  plan.notices.push_back(
      {Phase::kMigrate,
       fmt::format("statements and transforms run under settings that are the same everywhere (TimeZone UTC, "
                   "DateStyle ISO); a session of {} would have {}. Where a value depends on one of them, "
                   "name it in the SQL, as by AT TIME ZONE",
                   catalog.role, fmt::join(settings, ", "))});
}

}  // namespace

Needs NeedsOf(const release::Release& release) {
  Needs needs;
  std::set<sql::Name> names;
  std::set<std::string> types;
  std::set<std::string> functions;
  const auto name = [&](const sql::Name& n) {
    if (!n.name.empty()) names.insert(n);
  };
  for (const sql::Action& action : ActionsOf(release)) {
    name(action.relation);
    name(action.referenced);
    name(action.index);
    for (const sql::Name& read : action.reads) name(read);
    for (const sql::Name& written : action.writes) name(written);
    for (const sql::Mentions* mentions : {&action.says, &action.body}) {
      for (const sql::Name& read : mentions->reads) name(read);
      for (const sql::Name& written : mentions->writes) name(written);
      for (const sql::Name& called : mentions->functions) functions.insert(called.name);
    }
    if (ChangesData(action.kind)) needs.statements.push_back(action.text);
    if (!action.type.empty()) types.insert(action.type);
    if (action.column_def) types.insert(action.column_def->type);
  }
  for (const auto& [statement, tables] : release.writes) {
    for (const auto& [written, columns] : tables) name(NameAsWritten(written));
  }
  for (const auto& [written, columns] : release.additive) name(NameAsWritten(written));
  for (std::string& question : QuestionsOf(release)) needs.statements.push_back(std::move(question));
  for (const sql::Name& n : names) needs.relations.push_back({n.schema, n.name});
  needs.types.assign(types.begin(), types.end());
  needs.functions.assign(functions.begin(), functions.end());
  return needs;
}

namespace {

// Names may hold line feeds and what turns the direction of a text. What is written for people has none: who reads a
// plan must see what it says.
void KeepToOneLine(Plan& plan) {
  const auto keep = [](std::string& text) { text = base::OneLine(text); };
  for (Step& step : plan.steps) {
    for (std::string* text : {&step.title, &step.reverse_title, &step.why}) keep(*text);
  }
  for (Notice& notice : plan.notices) keep(notice.text);
  for (Blocker& blocker : plan.blockers) {
    for (std::string* text : {&blocker.object, &blocker.reason, &blocker.remedy}) keep(*text);
  }
}

// What applications write there is bytes of whatever encoding, and the stream gives only those that are UTF-8.
void CheckEncoding(Builder& builder) {
  if (builder.catalog().encoding != "SQL_ASCII" || builder.Accepted("SQL_ASCII")) return;
  builder.Block(
      fmt::format("the database {}", builder.catalog().database),
      "it is in SQL_ASCII: rows with bytes that are no UTF-8 cannot be read out of the stream, so a restore "
      "could not bring back what the applications wrote",
      "move it into a database with an encoding; where all that is written is UTF-8, `accept: [SQL_ASCII]` in "
      "release.yaml",
      {});
}

}  // namespace

Plan Compile(const release::Release& release, const catalog::Catalog& catalog) {
  const std::vector<sql::Action> actions = ActionsOf(release);
  Builder builder(release, catalog, actions);
  std::set<std::string> replaced_functions;
  for (const sql::Action& action : actions) {
    if (action.kind == sql::Kind::kCreateObject && action.object_kind == "FUNCTION" && action.or_replace)
      replaced_functions.insert(action.object);
  }
  const std::vector<ColumnChange> changes = FoldColumnChanges(builder, actions);
  CompileColumns(builder, changes, replaced_functions);
  const bool alone =
      std::all_of(actions.begin(), actions.end(), [](const sql::Action& action) { return ChangesData(action.kind); });
  std::set<pg::QualifiedName> identified;
  for (const sql::Action& action : actions) {
    if (action.kind == sql::Kind::kSetReplica && !identified.insert(Resolve(catalog, action.relation)).second) {
      builder.Block(Resolve(catalog, action.relation).Text(), "its replica identity is set twice",
                    "leave the first one out", action.at);
    }
    if (const catalog::Table* table = Altered(catalog, action)) {
      builder.MustMaster(*table, action.at);
      if (action.only && !table->partitions.empty()) {
        builder.Block(table->name.Text(), "ALTER TABLE ONLY is compiled for tables alone that nothing inherits from",
                      "leave ONLY out where the partitions are meant too", action.at);
      }
    }
    CheckNoSetting(builder, action);
    if (IsColumnAction(action.kind)) continue;
    builder.For(action.statement, builder.effects().Of(action));
    CompileAction(builder, action, changes, alone);
  }
  CheckAdditive(builder, changes);
  CheckEncoding(builder);
  CheckReferences(builder, changes);
  if (actions.empty())
    builder.Block(release.change_path.string(), "it has no statement", "write the change as ordinary SQL", {});
  Plan plan = builder.Finish();
  if (const std::vector<std::string> broken = BrokenRules(plan, plan.touched); !broken.empty()) {
    throw base::Error(base::Code::kInternal, "the plan breaks a rule that every plan keeps")
        .Detail(fmt::format("{}", fmt::join(broken, "\n")));
  }
  NoticeWhatTheLogKeeps(catalog, actions, changes, plan);
  NoticeOwnSettings(catalog, plan);
  NoticeWhatNoBackupHolds(catalog, plan);
  KeepToOneLine(plan);
  plan.claims = ClaimsOf(builder, actions, changes, plan);
  plan.touched = Needed(plan, plan.touched, Need::kForward);
  plan.digest = DigestOf(plan);
  return plan;
}

}  // namespace plan
