#include "sql/tree.h"

#include <algorithm>
#include <utility>

namespace sql {

using base::Json;

const Json& At(const Json& node, std::string_view key) {
  static const Json kNothing;
  if (!node.is_object()) return kNothing;
  const auto found = node.find(key);
  return found == node.end() ? kNothing : *found;
}

std::string Str(const Json& node, std::string_view key) {
  const auto& value = At(node, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool Flag(const Json& node, std::string_view key) {
  const auto& value = At(node, key);
  return value.is_boolean() && value.get<bool>();
}

std::size_t Number(const Json& node, std::string_view key) {
  const auto& value = At(node, key);
  return value.is_number_unsigned() ? value.get<std::size_t>() : 0;
}

std::string TypeOfNode(const Json& wrapped) {
  return wrapped.is_object() && wrapped.size() == 1 ? wrapped.begin().key() : std::string();
}

const Json& As(const Json& wrapped, std::string_view type) { return At(wrapped, type); }

std::vector<std::string> Strings(const Json& list) {
  std::vector<std::string> strings;
  for (const auto& item : list) strings.push_back(Str(As(item, "String"), "sval"));
  return strings;
}

Name NameOf(const Json& list) {
  const auto parts = Strings(list);
  if (parts.empty()) return {};
  return {parts.size() > 1 ? parts[parts.size() - 2] : std::string(), parts.back()};
}

Name RelationOf(const Json& range_var) { return {Str(range_var, "schemaname"), Str(range_var, "relname")}; }

void Walk(const Json& tree, const std::function<bool(const Json&)>& visit) {
  if (tree.is_object() && !visit(tree)) return;
  if (!tree.is_structured()) return;
  for (const auto& child : tree) Walk(child, visit);
}

std::vector<std::string> ColumnsRead(const Json& tree) {
  std::vector<std::pair<std::size_t, std::string>> found;
  Walk(tree, [&](const Json& node) {
    const auto& reference = As(node, "ColumnRef");
    const auto& fields = At(reference, "fields");
    if (fields.empty()) return true;
    const auto& last = As(fields.back(), "String");
    if (!last.is_null()) found.emplace_back(Number(reference, "location"), Str(last, "sval"));
    return false;
  });
  std::sort(found.begin(), found.end());
  std::vector<std::string> columns;
  for (auto& [location, column] : found) {
    if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(std::move(column));
  }
  return columns;
}

bool IsConstant(const Json& wrapped) {
  const auto type = TypeOfNode(wrapped);
  const auto& node = As(wrapped, type);
  if (type == "A_Const") return true;
  if (type == "TypeCast") return IsConstant(At(node, "arg"));
  if (type == "A_ArrayExpr") {
    const auto& elements = At(node, "elements");
    return std::all_of(elements.begin(), elements.end(), IsConstant);
  }
  if (type == "A_Expr" && At(node, "lexpr").is_null()) {
    const auto name = Strings(At(node, "name"));
    return name.size() == 1 && (name[0] == "-" || name[0] == "+") && IsConstant(At(node, "rexpr"));
  }
  return false;
}

}  // namespace sql
