#include "plan/claim.h"

#include <algorithm>
#include <map>
#include <set>

#include "catalog/parts.h"
#include "plan/rules.h"

namespace plan {
namespace {

struct ClaimFound {
  bool whole = false;
  std::set<std::string> changes;
  std::set<std::string> reads;
};

class ClaimCollector {
 public:
  ClaimCollector(const Builder& builder, const Plan& plan) : builder_(builder) {
    for (const pg::QualifiedName& table : plan.tables) found_[table];
  }

  void AddChanges(const std::vector<ColumnChange>& changes) {
    for (const ColumnChange& change : changes) {
      for (const std::string& name : {change.old_name, change.new_name}) {
        if (!name.empty()) found_[change.table->name].changes.insert(name);
      }
      text_ += change.using_expression + "\n";
    }
  }

  void AddAction(const sql::Action& action) {
    if (!IsColumnAction(action.kind)) text_ += action.text + "\n";
    if (action.relation.name.empty()) return;
    ClaimFound& found = found_[Resolve(builder_.catalog(), action.relation)];
    found.whole = found.whole || action.kind == sql::Kind::kCreateTable || action.kind == sql::Kind::kDropTable;
    if (action.kind == sql::Kind::kUpdate) found.changes.insert(action.columns.begin(), action.columns.end());
    // A row that is deleted comes back with all that it had.
    if (action.kind == sql::Kind::kDelete) ReadAll(action);
    if (action.kind == sql::Kind::kOther || action.kind == sql::Kind::kCreateObject) opaque_ += action.text + "\n";
  }

  void AddStep(const Step& step) {
    for (const Written& written : step.footprint) {
      found_[written.table].changes.insert(written.columns.begin(), written.columns.end());
    }
    if (step.backfill) found_[step.backfill->table].reads.insert(step.backfill->key.begin(), step.backfill->key.end());
    if (!step.data) return;
    for (const DataChange::Capture& capture : step.data->captures) {
      found_[capture.table].reads.insert(capture.columns.begin(), capture.columns.end());
    }
  }

  void AddPair(const Pair& pair) {
    for (const Direction* direction : {&pair.up, pair.down ? &*pair.down : nullptr}) {
      if (direction != nullptr) found_[pair.table].reads.insert(direction->reads.begin(), direction->reads.end());
    }
  }

  std::vector<Claim> Claims(const std::vector<pg::QualifiedName>& tables) {
    for (const auto& [table, transforms] : builder_.release().transforms) {
      for (const auto& [column, transform] : transforms) text_ += transform.up + "\n" + transform.down + "\n";
    }
    for (const auto& [statement, down] : builder_.release().downs) opaque_ += down + "\n";
    std::vector<Claim> claims;
    for (const pg::QualifiedName& name : tables) {
      ClaimFound& found = found_[name];
      AddByText(name, found);
      for (const std::string& column : found.changes) found.reads.erase(column);
      claims.push_back(
          {name, found.whole, {found.changes.begin(), found.changes.end()}, {found.reads.begin(), found.reads.end()}});
    }
    return claims;
  }

 private:
  void ReadAll(const sql::Action& action) {
    const catalog::Table* table = builder_.catalog().Find(action.relation.schema, action.relation.name);
    if (table == nullptr) return;
    for (const catalog::Column& column : table->columns) found_[table->name].reads.insert(column.name);
  }

  // The columns that the author names, and those that hang together with a changed one in an index or a constraint.
  void AddByText(const pg::QualifiedName& name, ClaimFound& found) {
    const auto table = builder_.catalog().tables.find(name);
    if (table == builder_.catalog().tables.end()) return;
    for (const catalog::Column& column : table->second.columns) {
      if (catalog::HasWord(opaque_, column.name)) found.changes.insert(column.name);
      if (catalog::HasWord(text_, column.name)) found.reads.insert(column.name);
    }
    const auto add = [&](const std::vector<std::string>& columns) {
      if (std::ranges::any_of(columns, [&](const std::string& column) { return found.changes.contains(column); }))
        found.reads.insert(columns.begin(), columns.end());
    };
    for (const catalog::Constraint& constraint : table->second.constraints) add(constraint.columns);
    for (const catalog::Index& index : table->second.indexes) add(index.columns);
  }

  const Builder& builder_;
  std::map<pg::QualifiedName, ClaimFound> found_;
  std::string text_;    // of the author, where he names what he reads
  std::string opaque_;  // where nobody knows what is done with what he names
};

}  // namespace

std::vector<Claim> ClaimsOf(const Builder& builder, const std::vector<sql::Action>& actions,
                            const std::vector<ColumnChange>& changes, const Plan& plan) {
  ClaimCollector collector(builder, plan);
  collector.AddChanges(changes);
  for (const sql::Action& action : actions) collector.AddAction(action);
  for (const Step& step : plan.steps) collector.AddStep(step);
  for (const Pair& pair : plan.pairs) collector.AddPair(pair);
  return collector.Claims(plan.tables);
}

}  // namespace plan
