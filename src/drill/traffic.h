#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "drill/ledger.h"
#include "pg/connection.h"

namespace drill {

// What the users of the shop met, from the ledgers of its instances.
struct Traffic {
  std::int64_t requests = 0;
  std::int64_t failed = 0;        // refused, wrong, or without an answer
  std::int64_t unknown = 0;       // those of `failed` that were writes whose answer never came
  std::int64_t acknowledged = 0;  // writes
  std::int64_t down_us =
      0;  // from a first failure to the first of 20 successes in a row; summed where it happens again
  std::map<std::string, std::int64_t> failures;  // by reason
};

// Pure. The lines in the order of their time; an outage that has not ended by the last line lasts until then.
Traffic Summarize(std::span<const LedgerLine> lines);
// The part of the lines with from <= at < to.
std::span<const LedgerLine> Between(std::span<const LedgerLine> lines, std::int64_t from_us, std::int64_t to_us);
// Now, on the ledgers' clock.
std::int64_t NowUs();

// A column that holds something else than what was written to it.
struct Altered {
  std::string table;
  std::int64_t row = 0;
  std::string column;
  std::string holds;
  std::string written;
};

// The ledgers against the database, row by row and write by write.
struct Account {
  std::int64_t acknowledged = 0;
  std::int64_t unknown = 0;
  std::int64_t unknown_present = 0;
  std::vector<LedgerWrite> lost;  // acknowledged, and not in the database
  std::vector<Altered> altered;
  std::int64_t unledgered = 0;  // rows in the database whose last write no ledger knows
  base::Json ToJson() const;    // what is altered as sentences
};

// Reads the rows that the applications wrote. Of the columns name, display_name and phone it compares those that exist:
// during a release with both names, both must hold what was written. The total of an order that they wrote must be what
// its quantity costs.
Account Compare(std::span<const LedgerLine> lines, pg::Connection& connection);

}  // namespace drill
