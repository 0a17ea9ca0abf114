#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "salvage/quiet.h"
#include "salvage/target.h"

// What one decision does to a row, and back. Inside a transaction.
namespace salvage {

// `body` is the conflict as it was found, `take` what is decided of it and one of its choices. What it does to the row
// is kept as an effect of `conflict`. Throws what the server says, and a refusal (IsRefusal) where the row is not there
// any more.
void Take(pg::Connection& restored, const Table& table, std::int64_t conflict, const base::Json& body,
          const base::Json& take);

// All effects, the last one first; none is left. Throws kSalvageDone where a row is not there any more, or the server
// does not take it as it was.
void UndoEffects(pg::Connection& restored, const Targets& targets, Quiet& quiet);

// Table t has the row that stands in the array of texts `row`, of which a table without a key may have several.
std::string IsRow(const Table& table, const std::string& row);

// A table cannot be put back as it was.
[[noreturn]] void CannotBeDoneAnew(const Table& table, const std::string& why);

}  // namespace salvage
