#include <algorithm>
#include <map>

#include "sql/statement.h"
#include "sql/tree.h"

namespace sql {
namespace {

using base::Json;

void AddExtra(ColumnDef& column, const std::string& extra) {
  if (std::find(column.extras.begin(), column.extras.end(), extra) == column.extras.end())
    column.extras.push_back(extra);
}

// Where the clauses after the type begin, ascending; the end of the part comes last.
std::vector<std::size_t> ClauseStarts(const Source& source, Range part, const Json& definition) {
  std::vector<std::size_t> starts;
  for (const auto& wrapped : At(definition, "constraints")) {
    starts.push_back(source.From(part, Number(As(wrapped, "Constraint"), "location")).first);
  }
  if (const auto& collation = At(definition, "collClause"); !collation.is_null()) {
    starts.push_back(source.From(part, Number(collation, "location")).first);
  }
  if (!Str(definition, "compression").empty()) starts.push_back(source.Find(part, "COMPRESSION"));
  if (!At(definition, "fdwoptions").empty()) starts.push_back(source.Find(part, "OPTIONS"));
  starts.push_back(part.last);
  std::sort(starts.begin(), starts.end());
  return starts;
}

void ReadClause(const Source& source, const std::vector<std::size_t>& starts, Range part, const Json& constraint,
                ColumnDef& column) {
  static const std::map<std::string, std::string> kExtras = {
      {"CONSTR_CHECK", "CHECK"},         {"CONSTR_FOREIGN", "REFERENCES"},  {"CONSTR_UNIQUE", "UNIQUE"},
      {"CONSTR_PRIMARY", "PRIMARY KEY"}, {"CONSTR_GENERATED", "GENERATED"}, {"CONSTR_IDENTITY", "IDENTITY"},
  };
  const auto type = Str(constraint, "contype");
  if (type == "CONSTR_NULL") return;
  if (type == "CONSTR_NOTNULL") {
    column.not_null = true;
  } else if (type == "CONSTR_DEFAULT") {
    const auto start = source.From(part, Number(constraint, "location")).first;
    const auto end = *std::upper_bound(starts.begin(), starts.end(), start);
    const auto keyword = source.Find({start, end}, "DEFAULT");
    column.default_text = source.Slice({keyword + 1, end});
    column.default_is_constant = IsConstant(At(constraint, "raw_expr"));
  } else {
    const auto extra = kExtras.find(type);
    AddExtra(column, extra == kExtras.end() ? "DEFERRABLE" : extra->second);
  }
}

// serial is no type: it makes a sequence, a default and NOT NULL.
bool IsSerial(const Json& type) {
  const auto names = Strings(At(type, "names"));
  static const std::vector<std::string> kSerial = {"smallserial", "serial2",   "serial",
                                                   "serial4",     "bigserial", "serial8"};
  return names.size() == 1 && std::find(kSerial.begin(), kSerial.end(), names[0]) != kSerial.end();
}

}  // namespace

ColumnDef ReadColumnDef(const Source& source, Range part, const Json& definition) {
  ColumnDef column;
  column.name = Str(definition, "colname");
  const auto& type_name = At(definition, "typeName");
  // Past the name, which may itself be a word such as COMPRESSION.
  const auto rest = source.From(part, Number(type_name, "location"));
  const auto starts = ClauseStarts(source, rest, definition);
  column.type = source.Slice({rest.first, starts.front()});
  if (IsSerial(type_name)) AddExtra(column, "SERIAL");
  for (const auto& wrapped : At(definition, "constraints")) {
    ReadClause(source, starts, rest, As(wrapped, "Constraint"), column);
  }
  if (!At(definition, "collClause").is_null()) AddExtra(column, "COLLATE");
  if (!Str(definition, "compression").empty()) AddExtra(column, "COMPRESSION");
  if (!At(definition, "fdwoptions").empty()) AddExtra(column, "OPTIONS");
  return column;
}

}  // namespace sql
