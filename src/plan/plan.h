#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "catalog/catalog.h"
#include "plan/claims.h"
#include "plan/pair.h"
#include "plan/step.h"
#include "release/release.h"

namespace plan {

// Something that applications may notice, or that will not be evidenced, from the beginning of `phase` on. Outside the
// digest: it may have figures in it.
struct Notice {
  Phase phase = Phase::kExpand;
  std::string text;
};

// Why a plan cannot run, by the name of what stands in the way, and what the author can do.
struct Blocker {
  std::string object;
  std::string reason;
  std::string remedy;
  int line = 0;  // in change.sql; 0: not known
  int column = 0;
};

// The compiled release. plan.lock.json is its JSON form.
struct Plan {
  std::string release;  // its directory's name
  std::string title;
  std::string hex;          // 8 hex digits from the release's name: generated names carry them
  std::vector<Step> steps;  // the line, in order
  std::vector<Notice> notices;
  std::vector<Blocker> blockers;          // not empty: the plan is blocked, and has no steps
  std::vector<pg::QualifiedName> tables;  // that the release touches, those it creates included
  // What becomes of columns that there are: another column, or (no `new_name`) nothing. Of each: the table, names,
  // types, equality and both directions; the rest, which only triggers need, is not in the JSON form.
  std::vector<Pair> pairs;
  // By table, columns that applications add to (integer or numeric), by their names before the release.
  std::map<pg::QualifiedName, std::set<std::string>> additive;
  std::vector<Claim> claims;  // one for each of `tables`
  base::Json touched;   // of catalog::Describe of them, as they were, what the steps need: Needed(..., Need::kForward)
  base::Json observed;  // {tables: {name: {rows, bytes}}, server_version}: outside the digest
  std::string digest;   // "sha256:<hex>" over release, steps, pairs, additive (where there is any), claims and touched

  // Index of the first step without a way back; nothing: there is none.
  [[nodiscard]] std::optional<std::size_t> PointOfNoReturn() const;
  // The phases that have steps, in order.
  [[nodiscard]] std::vector<Phase> Phases() const;
  // One past the last step of this phase and of those before it: where the line stands when the phase is done. 0 for
  // kStart.
  [[nodiscard]] std::size_t EndOf(Phase phase) const;
};

// What must be read from the database before the release can be compiled. Throws kSqlSyntax for a broken change.sql.
struct Needs {
  std::vector<pg::QualifiedName> relations;
  std::vector<std::string> types;
  std::vector<std::string> statements;  // that change data
  std::vector<std::string> functions;   // that are called
};
Needs NeedsOf(const release::Release& release);

// Pure: the same release and the same touched objects give the same plan and digest, whatever else the database holds.
// A change that it does not know becomes an opaque step, or a blocker by name: nothing is skipped or guessed.
Plan Compile(const release::Release& release, const catalog::Catalog& catalog);

// The search path of the author's own statements; empty: it has none.
std::string AuthorsPath(const Plan& plan);

// "sha256:<hex>" over the release's name, the steps, the pairs, the claims and the touched objects.
std::string DigestOf(const Plan& plan);

base::Json ToJson(const Plan& plan);
// Throws kBadJson, or kPlanTampered where the digest is not that of the content.
Plan PlanFromJson(const base::Json& json);

}  // namespace plan
