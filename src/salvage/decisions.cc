#include "salvage/decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/failpoint.h"
#include "pg/transaction.h"
#include "release/nearest.h"
#include "salvage/orphans.h"
#include "salvage/refusals.h"
#include "salvage/take.h"

namespace salvage {
namespace {

[[noreturn]] void Bad(const base::Json& entry, const std::string& what) {
  throw base::Error(base::Code::kBadResolutions, what).Detail(entry.dump());
}

// A conflict that the restored server has, and what is decided of it.
struct Found {
  std::int64_t id = 0;
  const Table* table = nullptr;
  base::Json body;
  std::string taken;  // empty: nothing
  bool was_refused = false;
  std::optional<base::Json> take = {};
  std::string refused = {};
};

std::vector<Found> ReadConflicts(pg::Connection& restored, const Targets& targets) {
  const pg::Result rows = restored.Query(
      "SELECT id, relation, body, taken, refused IS NOT NULL FROM switchback_salvage.conflict ORDER BY id FOR UPDATE");
  std::vector<Found> conflicts;
  for (int row = 0; row < rows.rows(); ++row) {
    conflicts.push_back({.id = rows.Int(row, 0),
                         .table = targets.Find(rows.Int(row, 1)),
                         .body = base::Json::parse(rows.Text(row, 2)),
                         .taken = rows.Text(row, 3),
                         .was_refused = rows.Bool(row, 4)});
  }
  return conflicts;
}

// Keeps what is decided of causes and groups.
void KeepGroups(pg::Connection& restored, const std::vector<Found>& conflicts, const Decisions& decisions) {
  std::set<std::string> causes;
  for (const ConflictKind kind : kConflictKinds) causes.insert(Name(kind));
  std::set<std::string> known = causes;
  for (const Found& conflict : conflicts) known.insert(conflict.body.at("group").get<std::string>());
  std::vector<std::pair<std::string, std::string>> groups = decisions.groups;
  // What is said of a group counts before what is said of its cause in the same breath.
  std::stable_partition(groups.begin(), groups.end(), [&](const auto& group) { return causes.count(group.first) > 0; });
  for (const auto& [name, choice] : groups) {
    if (known.count(name) == 0) {
      const std::string nearest = release::Nearest(name, {known.begin(), known.end()});
      throw base::Error(base::Code::kBadResolutions,
                        fmt::format("there is no cause and no group of conflicts {}", name))
          .Hint(nearest.empty() ? "The file of conflicts has their names." : fmt::format("Did you mean {}?", nearest));
    }
    restored.Query("DELETE FROM switchback_salvage.decision WHERE name = $1", {name});
    restored.Query("INSERT INTO switchback_salvage.decision (name, take) VALUES ($1, $2)",
                   {name, base::Json(choice).dump()});
  }
}

void CheckFile(const base::Json& file) {
  if (!file.is_object() || file.value("version", base::Json()) != kConflictsVersion || !file.contains("conflicts") ||
      !file.at("conflicts").is_array()) {
    Bad(file, fmt::format("this is no file of conflicts of version {}", kConflictsVersion));
  }
  for (const base::Json& entry : file.at("conflicts")) {
    if (!entry.is_object() || !entry.contains("take")) Bad(entry, "a conflict in the file has no `take`");
  }
}

// Keeps what is decided of single conflicts; those that are not as the file has them go into `stale`.
void KeepSingles(pg::Connection& restored, const std::vector<Found>& conflicts, const base::Json& file,
                 base::Json& stale) {
  if (file.is_null()) return;
  CheckFile(file);
  std::map<std::string, const Found*> by_content;
  for (const Found& conflict : conflicts) by_content[ContentOf(conflict.body)] = &conflict;
  std::int64_t kept = 0;
  for (const base::Json& entry : file.at("conflicts")) {
    const base::Json& take = entry.at("take");
    if (take.is_null()) continue;
    const auto found = by_content.find(ContentOf(entry));
    if (found == by_content.end()) {
      stale.push_back(entry);
      stale.back()["why"] =
          "the restored server has no such conflict: applications wrote to the row since, or the file was changed in "
          "more than `take`, or is of another server";
      continue;
    }
    const base::Json& body = found->second->body;
    if (const std::string why_not = WhyNot(body, take); !why_not.empty()) {
      Bad(entry, "`take` of a conflict cannot be used: " + why_not);
    }
    const std::string place = PlaceOf(body);
    restored.Query("DELETE FROM switchback_salvage.decision WHERE place = $1", {place});
    restored.Query("INSERT INTO switchback_salvage.decision (place, take, content) VALUES ($1, $2, $3)",
                   {place, take.dump(), ContentOf(body)});
    ++kept;
  }
  if (kept == 0 && !stale.empty()) {
    Bad(stale[0],
        "none of the decisions is of a conflict of this restored server: the file is not of its last salvage");
  }
}

// All that is decided.
class Kept {
 public:
  explicit Kept(pg::Connection& restored) {
    const pg::Result rows =
        restored.Query("SELECT name, place, take, content FROM switchback_salvage.decision ORDER BY seq");
    for (int row = 0; row < rows.rows(); ++row) {
      const base::Json take = base::Json::parse(rows.Text(row, 2));
      if (rows.IsNull(row, 1)) {
        groups_.emplace_back(rows.Text(row, 0), take);
      } else {
        singles_[rows.Text(row, 1)] = {take, rows.Text(row, 3)};
      }
    }
  }

  // What counts for a conflict, and why it cannot be done so.
  void Give(Found& conflict) const {
    const base::Json& body = conflict.body;
    if (const auto single = singles_.find(PlaceOf(body)); single != singles_.end()) {
      const auto& [take, content] = single->second;
      conflict.take = take;
      if (take.is_object() && content != ContentOf(body)) {
        conflict.refused = "it was decided before applications wrote to the row again: give the value anew";
      }
    } else {
      for (const auto& [name, take] : groups_) {
        if (name == body.at("cause") || name == body.at("group")) conflict.take = take;
      }
    }
    if (conflict.take && conflict.refused.empty()) conflict.refused = WhyNot(body, *conflict.take);
    if (conflict.take && conflict.refused.empty() && conflict.table == nullptr) {
      conflict.refused = "the table is not on the restored server any more";
    }
  }

 private:
  std::vector<std::pair<std::string, base::Json>> groups_;
  std::map<std::string, std::pair<base::Json, std::string>> singles_;
};

// Does decisions together; those that cannot be done have `refused` afterwards.
class Doing {
 public:
  Doing(pg::Connection& restored, const Targets& targets, std::vector<Found*> decisions)
      : restored_(restored), targets_(targets), standing_(std::move(decisions)) {
    std::set<std::int64_t> tables;
    for (const Found* decision : standing_) tables.insert(decision->table->oid);
    tables_.assign(tables.begin(), tables.end());
  }

  void Run() {
    while (!standing_.empty() && !Attempt()) {
    }
  }

 private:
  // False: some leave rows that refer to nothing. Nothing was done, and they are out of the next attempt, in which
  // those that the server refused may be taken.
  bool Attempt() {
    restored_.Exec("SAVEPOINT decisions");
    const auto refused =
        RunAllBut(restored_, static_cast<std::int64_t>(standing_.size()), [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t n = first; n <= last; ++n) Do(*At(n));
        });
    const std::map<std::int64_t, std::string> orphans = OrphansOfDecisions(restored_, targets_, tables_);
    if (orphans.empty()) {
      for (const auto& [number, said] : refused) At(number)->refused = said + At(number)->table->Lacking(said);
      restored_.Exec("RELEASE SAVEPOINT decisions");
      return true;
    }
    restored_.Exec("ROLLBACK TO SAVEPOINT decisions; RELEASE SAVEPOINT decisions");
    for (Found* decision : standing_) {
      if (const auto orphan = orphans.find(decision->id); orphan != orphans.end()) decision->refused = orphan->second;
    }
    if (std::erase_if(standing_, [](const Found* decision) { return !decision->refused.empty(); }) == 0) {
      throw base::Error(base::Code::kInternal, "rows refer to nothing because of decisions that were not tried");
    }
    return false;
  }

  Found* At(std::int64_t number) { return standing_[static_cast<std::size_t>(number) - 1]; }
  void Do(const Found& decision) { Take(restored_, *decision.table, decision.id, decision.body, *decision.take); }

  pg::Connection& restored_;
  const Targets& targets_;
  std::vector<Found*> standing_;
  std::vector<std::int64_t> tables_;
};

void Settle(pg::Connection& restored, std::vector<Found>& conflicts, Resolved& resolved) {
  for (const Found& conflict : conflicts) {
    if (!conflict.taken.empty()) {
      ++resolved.before;
      continue;
    }
    const bool taken = conflict.take && conflict.refused.empty();
    ++(taken ? resolved.applied : conflict.take ? resolved.refused : resolved.left);
    if (!conflict.take && !conflict.was_refused) continue;
    restored.Query("UPDATE switchback_salvage.conflict SET taken = $2, refused = $3 WHERE id = $1",
                   {std::to_string(conflict.id), taken ? pg::Param(conflict.take->dump()) : std::nullopt,
                    conflict.refused.empty() ? std::nullopt : pg::Param(conflict.refused)});
  }
}

}  // namespace

Resolved Decide(pg::Connection& restored, const Targets& targets, const Decisions& decisions) {
  Resolved resolved;
  pg::Transaction transaction(restored);
  Quiet quiet(restored);
  std::vector<Found> conflicts = ReadConflicts(restored, targets);
  KeepGroups(restored, conflicts, decisions);
  KeepSingles(restored, conflicts, decisions.file, resolved.stale);
  const Kept kept(restored);
  for (Found& conflict : conflicts) kept.Give(conflict);
  const bool another = std::any_of(conflicts.begin(), conflicts.end(), [](const Found& conflict) {
    return !conflict.taken.empty() && conflict.take && conflict.take->dump() != conflict.taken;
  });
  if (another) {
    TakeBackDecisions(restored, targets, quiet);
    for (Found& conflict : conflicts) conflict.taken.clear();
  }
  std::vector<Found*> to_do;
  for (Found& conflict : conflicts) {
    if (!conflict.taken.empty() || !conflict.take || !conflict.refused.empty() || *conflict.take == "restored")
      continue;
    quiet.Add(*conflict.table);
    to_do.push_back(&conflict);
  }
  Doing(restored, targets, std::move(to_do)).Run();
  Settle(restored, conflicts, resolved);
  quiet.End();
  base::Failpoint(base::FailpointId::kSalvageBeforeResolved);
  transaction.Commit();
  return resolved;
}

bool AnyEffect(pg::Connection& restored) {
  return restored.Query("SELECT EXISTS (SELECT FROM switchback_salvage.effect)").Bool(0, 0);
}

void TakeBackDecisions(pg::Connection& restored, const Targets& targets, Quiet& quiet) {
  UndoEffects(restored, targets, quiet);
  restored.Exec("UPDATE switchback_salvage.conflict SET taken = NULL WHERE taken IS NOT NULL");
}

base::Json ToJson(const Resolved& resolved) {
  return {{"applied", resolved.applied},
          {"applied_before", resolved.before},
          {"refused", resolved.refused},
          {"left", resolved.left},
          {"stale", resolved.stale.size()}};
}

}  // namespace salvage
