#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"
#include "plan/plan.h"

namespace recover {

// A check or foreign key that a way back put back NOT VALID, because rows break it that were written meanwhile. It
// binds each write to such a row, also one that changes something else: the server refuses that with 23514 or 23503.
struct Unproven {
  pg::QualifiedName table;
  std::string constraint;
  std::string definition;
  std::vector<std::string> keys = {};  // JSON, of the first rows that break it; where there is no key, the ctid
  bool more = false;                   // there are more such rows
  bool foreign_key = false;
  std::string not_null = {};  // the column, where it stands for NOT NULL
  std::string unseen = {};    // why the rows could not be looked at

  // What to do, as SQL with a word on when.
  [[nodiscard]] std::string Remedy() const;
};

// Those of the plan's tables that were valid before the release or are its own. Looks at the rows of a table only where
// there is one, and for some seconds at most.
std::vector<Unproven> ReadUnproven(pg::Connection& connection, const plan::Plan& plan);

base::Json ToJson(const std::vector<Unproven>& unproven);
// Lines for people, each after a line break; empty: there are none.
std::string Text(const std::vector<Unproven>& unproven);

}  // namespace recover
