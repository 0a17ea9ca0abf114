#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catalog/catalog.h"

namespace plan {

// Which names constraints, indexes and tables have in the target and in this release, and what the server calls those
// that the author left without a name. Pure.
class TakenNames {
 public:
  explicit TakenNames(const catalog::Catalog& catalog) : catalog_(catalog) {}

  // The server's own choice for a constraint or an index of this table over these columns, and not taken yet:
  // "t_a_key", "t_a_check1". No columns: the table's name alone. `kind`: check, fkey, key, idx.
  [[nodiscard]] std::string Choose(const pg::QualifiedName& table, const std::vector<std::string>& columns,
                                   const std::string& kind) const;

  // Gives the name away; false: something has it already.
  bool TakeConstraint(const pg::QualifiedName& table, const std::string& name);
  bool TakeRelation(const pg::QualifiedName& relation);
  // Statements before this one have freed the name. `now`: it is free for steps of contract, too; else it is kept until
  // purge, and who would take it is refused.
  void FreeConstraint(const pg::QualifiedName& table, const std::string& name);
  void FreeRelation(const pg::QualifiedName& relation, bool now);
  // A statement that nothing is known about may have created anything.
  void TakeUnknown() { unknown_ = true; }
  // This release has created the relation by now, or may have.
  [[nodiscard]] bool MayBeCreated(const pg::QualifiedName& relation) const {
    return unknown_ || relations_.contains(relation);
  }

 private:
  [[nodiscard]] bool HasRelation(const pg::QualifiedName& relation) const;
  [[nodiscard]] bool HasConstraint(const pg::QualifiedName& constraint) const;

  const catalog::Catalog& catalog_;
  std::set<std::pair<pg::QualifiedName, std::string>> constraints_;  // of this release, by table
  std::set<pg::QualifiedName> relations_;                            // of this release
  std::set<pg::QualifiedName> freed_constraints_;
  std::set<pg::QualifiedName> freed_relations_;
  std::set<pg::QualifiedName> kept_relations_;  // those of them that are there until purge
  bool unknown_ = false;
};

}  // namespace plan
