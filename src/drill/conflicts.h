#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "drill/ledger.h"
#include "drill/traffic.h"

namespace drill {

// A salvage's file of conflicts, held against the ledgers.
struct Named {
  std::int64_t conflicts = 0;        // in the file
  std::vector<std::string> unnamed;  // sentences: what is lost or altered, and in no conflict with the value written
  std::vector<std::string> strange;  // sentences: conflicts of rows that no ledger wrote to
};

// Pure. `account` is the comparison of the ledgers' `lines` with the salvaged server. Of writes to one row a conflict
// names the last, with what all of them left.
Named HoldAgainst(const base::Json& file, std::span<const LedgerLine> lines, const Account& account);

// The file, with "application" taken in each conflict.
base::Json TakeApplications(base::Json file);

}  // namespace drill
