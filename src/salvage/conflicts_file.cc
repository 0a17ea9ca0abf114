#include "salvage/conflicts_file.h"

#include <fmt/core.h>

#include <map>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace salvage {
namespace {

// Of the file as it is, by content.
std::map<std::string, base::Json> FormerTakes(const std::filesystem::path& file) {
  std::map<std::string, base::Json> takes;
  base::Json former;
  try {
    former = base::Json::parse(base::ReadFile(file)).at("conflicts");
  } catch (const std::exception&) {
    return takes;  // none yet, or broken by a hand that would not want this to fail
  }
  for (const base::Json& entry : former) {
    if (entry.is_object() && entry.contains("take") && !entry.contains("refused")) {
      takes[ContentOf(entry)] = entry.at("take");
    }
  }
  return takes;
}

}  // namespace

std::vector<Group> WriteConflicts(pg::Connection& restored, const std::filesystem::path& file) {
  const pg::Result rows =
      restored.Query("SELECT id, body, refused FROM switchback_salvage.conflict WHERE taken IS NULL ORDER BY id");
  const std::map<std::string, base::Json> former = FormerTakes(file);
  base::Json list = base::Json::array();
  for (int row = 0; row < rows.rows(); ++row) {
    base::Json conflict = base::Json::parse(rows.Text(row, 1));
    conflict["id"] = rows.Int(row, 0);
    if (const auto take = former.find(ContentOf(conflict)); take != former.end()) conflict["take"] = take->second;
    if (!rows.IsNull(row, 2)) {
      conflict["refused"] = true;
      conflict["why"] =
          fmt::format("{}; decided, and refused: {}", conflict.at("why").get<std::string>(), rows.Text(row, 2));
    }
    list.push_back(std::move(conflict));
  }
  std::vector<Group> groups = GroupsOf(list);
  base::Json summary = base::Json::array();
  for (const Group& group : groups) summary.push_back(ToJson(group));
  // Rows stand in it.
  base::WriteFile(file,
                  base::Json({{"version", kConflictsVersion}, {"groups", summary}, {"conflicts", list}}).dump(2) + "\n",
                  0600);
  return groups;
}

base::Json ReadConflictsFile(const std::filesystem::path& file) {
  try {
    return base::Json::parse(base::ReadFile(file));
  } catch (const base::Json::exception& error) {
    throw base::Error(base::Code::kBadResolutions, fmt::format("{} is no JSON", file.string())).Detail(error.what());
  }
}

}  // namespace salvage
