#include "drill/queries.h"

#include <fmt/core.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "base/error.h"

namespace drill {
namespace {

std::vector<std::string> SplitNames(const std::string& list) {
  static const std::regex kName(R"(\w+)");
  return {std::sregex_token_iterator(list.begin(), list.end(), kName), std::sregex_token_iterator()};
}

}  // namespace

ShopQueries ParseQueries(std::string_view text) {
  static const std::regex kHeader(R"(-- (\w+)\(([\w, ]*)\))");
  ShopQueries queries;
  ShopQuery* current = nullptr;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::smatch header;
    if (std::regex_match(line, header, kHeader)) {
      current = &queries[header[1]];
      *current = {"", SplitNames(header[2])};
    } else if (line.starts_with("--") || line.empty()) {
      continue;
    } else if (current == nullptr) {
      throw base::Error(base::Code::kDrillBadQueries, "a statement has no name").At("queries.sql", number, 1);
    } else {
      current->sql += (current->sql.empty() ? "" : "\n") + line;
    }
  }
  for (auto& [name, query] : queries) {
    if (!query.sql.ends_with(';')) {
      throw base::Error(base::Code::kDrillBadQueries, fmt::format("the statement {} is not complete", name));
    }
    query.sql.pop_back();
  }
  return queries;
}

}  // namespace drill
