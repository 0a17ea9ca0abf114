#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/type_rules.h"
#include "pg/connection.h"

// The parts of Read. All run inside one transaction, under search_path pg_catalog.
namespace catalog {

// Tables by their OIDs, while they are being filled.
using TablesByOid = std::map<std::uint32_t, Table>;

// Types that were met, by the names they are known under.
using SizedTypes = std::map<std::string, SizedType>;

// Tables with columns, constraints, indexes and triggers. The types of their columns are added to `column_types`; an
// oid that is gone is left out.
TablesByOid ReadTables(pg::Connection& connection, const std::vector<std::uint32_t>& oids, SizedTypes& column_types);

// What hangs on the tables; with `bodies`, also functions that may name one.
void ReadDependents(pg::Connection& connection, TablesByOid& tables, bool bodies);

// True where `text` has `name` in it as a whole word, or in double quotes; letters of ASCII match in either case.
bool HasWord(std::string_view text, std::string_view name);

// Looks up types by their written names through `search_path` (the setting's text). What does not exist is left out.
SizedTypes ResolveTypes(pg::Connection& connection, const std::vector<std::string>& written,
                        const std::string& search_path);

// Fills types, casts and the equality of columns.
void ReadTypes(pg::Connection& connection, const std::vector<std::string>& written, const SizedTypes& asked,
               const SizedTypes& column_types, Catalog& catalog);

}  // namespace catalog
