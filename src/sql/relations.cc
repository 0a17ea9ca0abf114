#include <algorithm>
#include <set>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;
using CteNames = std::set<std::string>;

struct Mention {
  std::size_t location = 0;
  Name name;
  auto operator<=>(const Mention&) const = default;
};

bool IsDataChange(const std::string& type) {
  return type == "InsertStmt" || type == "UpdateStmt" || type == "DeleteStmt" || type == "MergeStmt";
}

class Walker {
 public:
  // `tree` is the inside of a statement: its target stands in `relation` or `into`, and is not entered.
  void EnterStatement(const Json& tree, CteNames ctes) {
    EnterCtes(At(tree, "withClause"), ctes);
    for (const auto& [key, child] : tree.items()) {
      if (key != "withClause" && key != "relation" && key != "into" && key != "intoClause") Enter(child, ctes);
    }
  }

  std::vector<Mention> reads;
  std::vector<Mention> writes;

 private:
  void Enter(const Json& tree, const CteNames& ctes) {
    if (tree.is_array()) {
      for (const auto& child : tree) Enter(child, ctes);
    } else if (tree.contains("relname")) {
      AddRead(tree, ctes);
    } else if (const auto type = TypeOfNode(tree); IsDataChange(type)) {
      const auto& change = As(tree, type);
      const auto& target = At(change, "relation");
      writes.push_back({Number(target, "location"), RelationOf(target)});
      EnterStatement(change, ctes);
    } else if (tree.is_object()) {
      EnterObject(tree, ctes);
    }
  }

  void EnterObject(const Json& tree, CteNames ctes) {
    EnterCtes(At(tree, "withClause"), ctes);
    for (const auto& [key, child] : tree.items()) {
      // FOR UPDATE OF names aliases, not relations.
      if (key != "withClause" && key != "lockedRels") Enter(child, ctes);
    }
  }

  // A CTE sees those before it, and with RECURSIVE all of them.
  void EnterCtes(const Json& clause, CteNames& ctes) {
    const auto& list = At(clause, "ctes");
    if (Flag(clause, "recursive")) {
      for (const auto& cte : list) ctes.insert(Str(As(cte, "CommonTableExpr"), "ctename"));
    }
    for (const auto& wrapped : list) {
      const auto& cte = As(wrapped, "CommonTableExpr");
      Enter(At(cte, "ctequery"), ctes);
      ctes.insert(Str(cte, "ctename"));
    }
  }

  void AddRead(const Json& range_var, const CteNames& ctes) {
    auto name = RelationOf(range_var);
    if (name.schema.empty() && ctes.contains(name.name)) return;
    reads.push_back({Number(range_var, "location"), std::move(name)});
  }
};

std::vector<Name> InOrder(std::vector<Mention> mentions) {
  std::sort(mentions.begin(), mentions.end());
  std::vector<Name> names;
  for (auto& mention : mentions) {
    if (std::find(names.begin(), names.end(), mention.name) == names.end()) names.push_back(std::move(mention.name));
  }
  return names;
}

}  // namespace

Relations RelationsOf(const Json& tree) {
  Walker walker;
  walker.EnterStatement(tree, {});
  return {InOrder(std::move(walker.reads)), InOrder(std::move(walker.writes))};
}

}  // namespace sql
