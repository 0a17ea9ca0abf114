#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"

namespace catalog {

// One row of an answer, its values by the names of their columns.
class Row {
 public:
  Row(const pg::Result& result, const std::map<std::string, int, std::less<>>& columns, int row)
      : result_(result), columns_(columns), row_(row) {}
  [[nodiscard]] std::string Text(std::string_view column) const { return result_.Text(row_, Index(column)); }
  [[nodiscard]] pg::Param Optional(std::string_view column) const { return result_.Optional(row_, Index(column)); }
  [[nodiscard]] std::int64_t Int(std::string_view column) const { return result_.Int(row_, Index(column)); }
  [[nodiscard]] std::uint32_t Oid(std::string_view column) const { return static_cast<std::uint32_t>(Int(column)); }
  [[nodiscard]] bool Bool(std::string_view column) const { return result_.Bool(row_, Index(column)); }
  // First character; 0 where it is empty.
  [[nodiscard]] char Char(std::string_view column) const;
  // JSON; null for NULL.
  [[nodiscard]] base::Json Json(std::string_view column) const;
  // A JSON list of strings; empty for NULL.
  [[nodiscard]] std::vector<std::string> Names(std::string_view column) const;

 private:
  [[nodiscard]] int Index(std::string_view column) const;
  const pg::Result& result_;
  const std::map<std::string, int, std::less<>>& columns_;
  int row_;
};

// Runs `sql` and hands out its rows, in order.
void ForEachRow(pg::Connection& connection, std::string_view sql, const pg::Params& params,
                const std::function<void(const Row&)>& take);

// Parameters of type oid[] and text[].
std::string OidArray(const std::vector<std::uint32_t>& oids);
std::string TextArray(const std::vector<std::string>& texts);

}  // namespace catalog
