#include "catalog/rows.h"

#include "base/error.h"

namespace catalog {

int Row::Index(std::string_view column) const {
  const auto found = columns_.find(column);
  if (found != columns_.end()) return found->second;
  throw base::Error(base::Code::kInternal, "an answer has no column " + std::string(column));
}

char Row::Char(std::string_view column) const {
  const auto text = Text(column);
  return text.empty() ? '\0' : text.front();
}

base::Json Row::Json(std::string_view column) const {
  const auto text = Optional(column);
  return text.has_value() ? base::ParseJson(*text, "the server's answer") : base::Json();
}

std::vector<std::string> Row::Names(std::string_view column) const {
  const auto json = Json(column);
  return json.is_null() ? std::vector<std::string>() : json.get<std::vector<std::string>>();
}

void ForEachRow(pg::Connection& connection, std::string_view sql, const pg::Params& params,
                const std::function<void(const Row&)>& take) {
  const auto result = connection.Query(std::string(sql), params);
  std::map<std::string, int, std::less<>> columns;
  for (int i = 0; i < result.columns(); ++i) columns.emplace(result.ColumnName(i), i);
  for (int i = 0; i < result.rows(); ++i) take(Row(result, columns, i));
}

std::string OidArray(const std::vector<std::uint32_t>& oids) {
  std::string array = "{";
  for (const auto oid : oids) array += (array.size() > 1 ? "," : "") + std::to_string(oid);
  return array + "}";
}

std::string TextArray(const std::vector<std::string>& texts) {
  std::string array = "{";
  for (const auto& text : texts) {
    array += array.size() > 1 ? ",\"" : "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

}  // namespace catalog
