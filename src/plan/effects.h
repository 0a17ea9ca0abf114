#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "plan/access.h"
#include "sql/parse.h"

namespace plan {

// What each statement of a release reads and writes where it stands, by the parser's account and the catalog's: tables
// below views, bodies of functions that it calls, tables that cascades reach. What cannot be told is anything.
class Effects {
 public:
  Effects(const catalog::Catalog& catalog, const std::vector<sql::Action>& actions);
  [[nodiscard]] Accesses Of(const sql::Action& action) const;
  // Of an expression: the functions that it calls, and the types that it names.
  [[nodiscard]] Accesses OfExpression(int statement, const std::string& expression) const;

 private:
  class Reader;
  const catalog::Catalog& catalog_;
  std::map<pg::QualifiedName, std::vector<const sql::Mentions*>> views_;  // that the release makes
  std::map<std::string, std::vector<const sql::Mentions*>> routines_;     // bodies, likewise
};

}  // namespace plan
