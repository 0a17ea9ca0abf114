#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "plan/effects.h"
#include "plan/names.h"
#include "plan/pair.h"
#include "plan/plan.h"
#include "release/release.h"
#include "sql/parse.h"

namespace plan {

// The order of steps within a phase; rules add theirs in any order.
enum class Rank {
  kObjects,      // the author's CREATE statements, in their order
  kColumns,      // columns added, with the triggers that keep them in step
  kInPlace,      // loosened NOT NULL, defaults, types that need no rewrite, constraints dropped
  kIndexes,      // indexes of change.sql
  kBackfill,     // rows filled
  kPairIndexes,  // indexes and constraints of new columns, as the old ones have them
  kData,         // the author's UPDATE, DELETE, INSERT, and rows looked at before anything is tightened, in their order
  kSwap,         // names swapped
  kTighten,      // NOT NULL, CHECK, FOREIGN KEY, UNIQUE
  kRetire,       // old names taken away
  kFinish,       // what only the old version needed
};

// Collects what the rules find: steps by phase and rank, notices, blockers, generated names.
class Builder {
 public:
  Builder(const release::Release& release, const catalog::Catalog& catalog, const std::vector<sql::Action>& actions);

  [[nodiscard]] const release::Release& release() const { return release_; }
  [[nodiscard]] const catalog::Catalog& catalog() const { return catalog_; }
  [[nodiscard]] const std::string& hex() const { return plan_.hex; }
  // "sbr_<hex>_<n>": a name that nothing else has, at most 63 bytes.
  std::string NewName();
  TakenNames& names() { return names_; }
  // Tables that this release has made by now, and whether all names that came with them are known.
  void Make(const pg::QualifiedName& table, bool names_known) { made_[table] = names_known; }
  [[nodiscard]] bool Makes(const pg::QualifiedName& table) const { return made_.contains(table); }
  [[nodiscard]] std::vector<pg::QualifiedName> Made() const {
    std::vector<pg::QualifiedName> tables;
    for (const auto& [table, names_known] : made_) tables.push_back(table);
    return tables;
  }
  [[nodiscard]] bool NamesKnown(const pg::QualifiedName& table) const { return !Makes(table) || made_.at(table); }
  // The author's search_path, for his own statements and expressions.
  [[nodiscard]] std::string AuthorsPath() const;

  [[nodiscard]] const std::vector<sql::Action>& actions() const { return actions_; }
  [[nodiscard]] const Effects& effects() const { return effects_; }
  // What the steps are for that are added from here on, and what it does with them. A step whose part is a smaller one
  // says so itself.
  void For(int statement, Accesses accesses);
  [[nodiscard]] int statement() const { return statement_; }
  // Their constraint has no name in the author's words, and this one now.
  void NameConstraint(const pg::QualifiedName& table, const std::string& name);
  Step& Add(Phase phase, Rank rank, StepKind kind, std::string title, std::string why);
  // Whether release.yaml accepts what the plan asks about, by the name that it has there.
  bool Accepted(const std::string& object);
  [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }
  // The opaque step that runs parts of this statement already; null: none.
  Step* OpaqueOf(int statement);
  void Notice(Phase phase, std::string text);
  void Block(std::string object, std::string reason, std::string remedy, const sql::Location& at);
  // Blocks where there is no such relation, neither in the target nor made by the release before this action.
  bool Stands(const sql::Name& relation, const sql::Location& at);
  // Blocks, once for each table, where the role may not do what its owner may, or does not see all rows.
  void MustMaster(const catalog::Table& table, const sql::Location& at);
  void Touch(const pg::QualifiedName& table);
  // For the plan's `pairs`.
  void Remember(const Pair& pair);

  void AddAdditive(const pg::QualifiedName& table, const std::string& column);

  // The plan, with its steps in order and their ids given; no steps where something blocks.
  Plan Finish();

 private:
  struct Ranked {
    Rank rank;
    Step step;
  };
  void BlockDisorder();

  const release::Release& release_;
  const catalog::Catalog& catalog_;
  const std::vector<sql::Action>& actions_;
  Effects effects_;
  int statement_ = 0;
  Accesses accesses_;
  Plan plan_;
  std::map<Phase, std::vector<Ranked>> steps_;
  TakenNames names_;
  std::map<pg::QualifiedName, bool> made_;
  std::vector<std::string> asked_;
  int generated_ = 0;
  std::set<pg::QualifiedName> not_mastered_;
};

// The author's name in the target: as the catalog has it, or where it would be created.
pg::QualifiedName Resolve(const catalog::Catalog& catalog, const sql::Name& name);

// A statement that writes down in switchback.retired what a generated name stands for, and one that takes it out.
std::string RememberRetired(const Builder& builder, const std::string& generated, const std::string& kind,
                            const pg::QualifiedName& former, const std::string& definition);
std::string ForgetRetired(const Builder& builder, const std::string& generated);

}  // namespace plan
