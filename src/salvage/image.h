#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "salvage/merge.h"

namespace salvage {

// Cells as one text, for a column of a table: of each "-" (not sent), "." (no such column), "!" (NULL) or
// "<length>:<text>".
void PutCell(std::string& to, const Cell& cell);
// Throws kInternal.
std::vector<Cell> CellsOf(std::string_view text);

// A key as one text that no other key has, and back.
std::string IdentityOf(const std::vector<std::string_view>& key);
std::vector<Value> KeyOf(std::string_view identity);

}  // namespace salvage
