#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "release/release.h"

namespace proof {

struct InvariantResult {
  std::string name;
  std::string expected;       // as text; "NULL" for null
  std::string found;          // as text; "NULL" for null; empty where it could not be asked
  std::optional<bool> holds;  // nothing: it could not be asked
  std::string error;          // why it could not be asked
};

// Asks each invariant as proof::Ask does. One that could not be asked is a result without `holds`; a lost connection
// throws kConnectionLost.
std::vector<InvariantResult> AskInvariants(pg::Connection& connection,
                                           const std::vector<release::Invariant>& invariants,
                                           std::chrono::milliseconds timeout);

// True where `found` (NULL: nothing) is the value that a release expects. Numbers are compared as numbers: 0 equals
// 0.00.
bool SameValue(const base::Json& expected, const std::optional<std::string>& found);

}  // namespace proof
