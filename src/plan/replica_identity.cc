#include "plan/replica_identity.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "plan/conditions.h"
#include "plan/rules.h"

namespace plan {
namespace {

// A shorter time says nothing about a day.
constexpr std::int64_t kCountedLeast = 3600;
constexpr double kDay = 86400;

std::string Megabytes(double bytes) {
  return bytes < 1e5 ? "less than 0.1 MB" : fmt::format("about {:.1f} MB", bytes / 1e6);
}

// "12 a day, about 0.3 MB of log a day".
std::string Daily(const catalog::Table& table) {
  const auto rewritten = static_cast<double>(table.rewritten);
  const auto bytes = static_cast<double>(table.row_bytes);
  if (table.rewritten == 0) return "the statistics count none";
  const bool known = table.counted_for >= kCountedLeast;
  const double days = known ? static_cast<double>(table.counted_for) / kDay : 1;
  std::string text = known ? fmt::format("the statistics count {:.0f} of them a day", rewritten / days)
                           : fmt::format("the statistics count {} of them, since when is not known", table.rewritten);
  if (table.row_bytes > 0) {
    text += fmt::format(": {} of log{}", Megabytes(rewritten * bytes / days), known ? " a day" : " in that time");
  }
  return text;
}

std::string Cost(const catalog::Table& table, const std::string& logs) {
  return fmt::format("each UPDATE and DELETE of it {} the row as it was, {}; {}", logs,
                     table.row_bytes > 0 ? fmt::format("about {} bytes", table.row_bytes)
                                         : "of a size that is not known before ANALYZE",
                     Daily(table));
}

std::string Remedy(const catalog::Table& table) {
  return fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL{}, before plan and checkpoint are made anew,",
                     table.name.Sql(), table.kind == 'p' ? ", and of each of its partitions" : "");
}

// Without one, updates and deletes are published by no publication of the checkpoint.
bool Identifies(const catalog::Table& table, char identity) {
  const catalog::Constraint* key = table.PrimaryKey();
  switch (identity) {
    case 'f':
      return table.kind != 'p' || table.rows_whole || key != nullptr;
    case 'd':
      return key != nullptr && !key->deferrable;
    case 'i':
      return std::any_of(table.indexes.begin(), table.indexes.end(), [](const auto& index) { return index.identity; });
    default:
      return false;
  }
}

// All of them, those that the release adds too: such a step may do anything with a row.
bool DeclaresAll(const catalog::Table& table, const Written& written, const std::vector<ColumnChange>& changes) {
  const std::vector<std::string> stored = StoredColumns(table);
  return std::all_of(stored.begin(), stored.end(),
                     [&](const std::string& column) {
                       return std::find(written.columns.begin(), written.columns.end(), column) !=
                              written.columns.end();
                     }) &&
         std::none_of(changes.begin(), changes.end(), [&](const ColumnChange& change) {
           return change.table == &table && (change.old_name.empty() || change.Renamed() || !change.type.empty());
         });
}

struct Writers {
  Phase first = Phase::kExpand;
  std::vector<std::string> unclear;  // steps of which the log will not tell which columns they change
};

std::string NoticeOf(const catalog::Table& table, const Writers& writers, bool whole) {
  const std::string name = table.name.Text();
  if (!Identifies(table, table.replica_identity)) {
    return fmt::format(
        "{}: it has no key, so updates and deletes of its rows, the applications' too, are not in the stream: no audit "
        "sees them, a restore neither counts them nor carries them over; {} would bring them into the audit and the "
        "account of what a restore leaves behind, but salvage skips them all the same; {}",
        name, Remedy(table), Cost(table, "would also log"));
  }
  if (table.rows_whole) return fmt::format("{}: REPLICA IDENTITY FULL: {}", name, Cost(table, "also logs"));
  if (whole || writers.unclear.empty()) return "";
  return fmt::format(
      "{}: which of its columns {} will change is not evidenced, because the log tells no more than the key of the row "
      "as it was; {} would evidence it; {}",
      name, fmt::join(writers.unclear, ", "), Remedy(table), Cost(table, "would also log"));
}

char Letter(const std::string& definition) {
  if (definition == "FULL") return 'f';
  if (definition == "NOTHING") return 'n';
  return definition == "DEFAULT" ? 'd' : 'i';
}

// As it stands in the catalog; that of an index that is gone is none.
struct Identity {
  char letter = 'd';
  std::string index = {};

  [[nodiscard]] std::string Words() const {
    switch (letter) {
      case 'f':
        return "FULL";
      case 'n':
        return "NOTHING";
      case 'i':
        return "USING INDEX " + pg::Ident(index);
      default:
        return "DEFAULT";
    }
  }
};

Identity FormerOf(const catalog::Table& table) {
  if (table.replica_identity != 'i') return {table.replica_identity};
  for (const catalog::Index& index : table.indexes) {
    if (index.identity) return {'i', index.name};
  }
  return {'n'};
}

bool MaySet(Builder& builder, const catalog::Table& table, const Identity& wanted, const sql::Location& at) {
  const auto refuse = [&](const std::string& reason, const std::string& remedy) {
    builder.Block(table.name.Text(), reason, remedy, at);
    return false;
  };
  if (table.kind != 'r' && table.kind != 'p') return refuse("it is no table", "correct the name");
  if (wanted.letter == 'i') {
    const bool serves = std::any_of(table.indexes.begin(), table.indexes.end(), [&](const catalog::Index& index) {
      return index.name == wanted.index && index.unique && index.valid && !index.expression;
    });
    return serves || refuse(fmt::format("it has no valid unique index {} over plain columns", wanted.index),
                            "make the index in a release before this one");
  }
  if (!Identifies(table, table.replica_identity) || Identifies(table, wanted.letter)) return true;
  return refuse(
      "without an identity of its rows, updates and deletes of applications fail as long as a publication has it, and "
      "the checkpoint's has",
      "leave it out, and do it by hand when no release is under way");
}

}  // namespace

void NoticeWhatTheLogKeeps(const catalog::Catalog& catalog, const std::vector<sql::Action>& actions,
                           const std::vector<ColumnChange>& changes, Plan& plan) {
  std::map<pg::QualifiedName, Writers> written;
  for (const Step& step : plan.steps) {
    for (const Written& one : step.footprint) {
      const auto table = catalog.tables.find(one.table);
      // Nothing at all of an unlogged table is in the stream.
      if (table == catalog.tables.end() || table->second.persistence != 'p') continue;
      Writers& writers = written.try_emplace(one.table, Writers{.first = step.phase, .unclear = {}}).first->second;
      if (!ColumnsEvident(step) && !DeclaresAll(table->second, one, changes)) writers.unclear.push_back(step.id);
    }
  }
  for (const auto& [name, writers] : written) {
    const catalog::Table& table = catalog.tables.at(name);
    // That of a partitioned table is not its partitions'.
    const bool whole = table.kind != 'p' && std::any_of(actions.begin(), actions.end(), [&](const sql::Action& action) {
                         return action.kind == sql::Kind::kSetReplica && action.definition == "FULL" &&
                                Resolve(catalog, action.relation) == table.name;
                       });
    std::string text = NoticeOf(table, writers, whole);
    if (text.empty()) continue;
    const auto place = std::upper_bound(plan.notices.begin(), plan.notices.end(), writers.first,
                                        [](Phase phase, const Notice& notice) { return phase < notice.phase; });
    plan.notices.insert(place, {writers.first, std::move(text)});
  }
}

void SetReplicaIdentity(Builder& builder, const sql::Action& action, const std::vector<ColumnChange>& changes) {
  const catalog::Table* table = builder.catalog().Find(action.relation.schema, action.relation.name);
  const Identity wanted{Letter(action.definition), action.using_index};
  if (table == nullptr) {
    if (!builder.Stands(action.relation, action.at)) return;
    sql::Action other = action;
    other.kind = sql::Kind::kOther;
    other.object_kind = "ALTER TABLE ... REPLICA IDENTITY";
    other.definition = "REPLICA IDENTITY " + wanted.Words();
    return RunOpaque(builder, other, "the table is made by this release", changes);
  }
  builder.Touch(table->name);
  if (!MaySet(builder, *table, wanted, action.at)) return;
  const Identity former = FormerOf(*table);
  const auto statement = [&](const Identity& identity) {
    return fmt::format("ALTER TABLE {} REPLICA IDENTITY {}", table->name.Sql(), identity.Words());
  };
  const auto is = [&](const Identity& identity) {
    return ReplicaIdentityIs(table->name, identity.letter, identity.index);
  };
  Step& step = builder.Add(Phase::kExpand, Rank::kInPlace, StepKind::kSql,
                           fmt::format("make {} the replica identity of {}", wanted.Words(), table->name.Text()),
                           "what the log tells of a row as it was before an update or a delete");
  step.forward = {{statement(wanted)}};
  step.reverse = {{statement(former)}};
  step.reverse_title = fmt::format("back to {}", former.Words());
  step.postcondition = {is(wanted), "the replica identity is set"};
  step.reverse_postcondition = {is(former), "the replica identity is the former one"};
  step.locks = {{table->name, "ACCESS EXCLUSIVE", LockWork::kNone}};
  if (wanted.letter == 'f') {
    builder.Notice(Phase::kExpand, fmt::format("{}: {}", table->name.Text(), Cost(*table, "also logs")));
  }
}

}  // namespace plan
