#include "drill/conflicts.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace drill {
namespace {

using Place = std::pair<std::string, std::string>;  // table and id, as the file has them

// The values that the applications left, by column, as far as the conflicts of one row say.
using Said = std::map<std::string, base::Json>;

std::map<Place, Said> ReadConflicts(const base::Json& file) {
  std::map<Place, Said> conflicts;
  for (const base::Json& conflict : file.at("conflicts")) {
    const std::string table = conflict.at("table").at(1);
    const std::string id = conflict.at("key").at("id");
    Said& said = conflicts[{table, id}];
    const base::Json& application = conflict.at("application");
    if (conflict.contains("column")) {
      said[conflict.at("column").get<std::string>()] = application;
    } else if (application.is_object()) {
      for (const auto& [column, value] : application.items()) said[column] = value;
    }
  }
  return conflicts;
}

// What a ledger calls customer and product is the row's key there.
std::string ColumnName(const std::string& value) {
  return value == "customer" || value == "product" ? value + "_id" : value;
}

bool Says(const std::map<Place, Said>& conflicts, const std::string& table, std::int64_t row, const std::string& column,
          const std::string& value) {
  const auto found = conflicts.find({table, std::to_string(row)});
  if (found == conflicts.end()) return false;
  const auto said = found->second.find(column);
  return said != found->second.end() && said->second == value;
}

// What the lost writes to each row left there, by column.
std::map<std::pair<std::string, std::int64_t>, std::map<std::string, std::string>> LeftByLost(const Account& account) {
  std::map<std::pair<std::string, std::int64_t>, std::map<std::string, std::string>> left;
  for (const LedgerWrite& lost : account.lost) {
    auto& values = left[{lost.table, lost.row}];
    for (const auto& [name, value] : lost.values.items()) values[ColumnName(name)] = value;
    values["written_by"] = lost.write;
  }
  return left;
}

}  // namespace

Named HoldAgainst(const base::Json& file, std::span<const LedgerLine> lines, const Account& account) {
  const std::map<Place, Said> conflicts = ReadConflicts(file);
  Named named;
  named.conflicts = static_cast<std::int64_t>(file.at("conflicts").size());
  const auto left = LeftByLost(account);
  for (const LedgerWrite& lost : account.lost) {
    const auto& values = left.at({lost.table, lost.row});
    const bool said = std::all_of(values.begin(), values.end(), [&](const auto& value) {
      return Says(conflicts, lost.table, lost.row, value.first, value.second);
    });
    if (!said) named.unnamed.push_back(fmt::format("{} {}: write {} is lost", lost.table, lost.row, lost.write));
  }
  for (const Altered& altered : account.altered) {
    if (Says(conflicts, altered.table, altered.row, altered.column, altered.written)) continue;
    named.unnamed.push_back(fmt::format("{} {}: {} is altered", altered.table, altered.row, altered.column));
  }
  std::set<Place> written;
  for (const LedgerLine& line : lines) {
    if (line.write) written.insert({line.write->table, std::to_string(line.write->row)});
  }
  for (const auto& [place, said] : conflicts) {
    if (!written.contains(place)) named.strange.push_back(fmt::format("{} {}", place.first, place.second));
  }
  return named;
}

base::Json TakeApplications(base::Json file) {
  for (base::Json& conflict : file.at("conflicts")) conflict["take"] = "application";
  return file;
}

}  // namespace drill
