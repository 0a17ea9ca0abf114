#include "plan/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace plan {
namespace {

constexpr std::size_t kLongest = 63;

// At most `bytes` of it, and no half character.
std::string_view Clip(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return text.substr(0, bytes);
}

// As makeObjectName of the server does it: the longer of the two parts gives way.
std::string ObjectName(std::string_view table, std::string_view columns, const std::string& label) {
  const std::size_t marks = 1 + label.size() + (columns.empty() ? 0 : 1);
  std::size_t first = table.size();
  std::size_t second = columns.size();
  while (first + second + marks > kLongest) --(first > second ? first : second);
  std::string name(Clip(table, first));
  if (!columns.empty()) name += fmt::format("_{}", Clip(columns, second));
  return fmt::format("{}_{}", name, label);
}

}  // namespace

bool TakenNames::HasRelation(const pg::QualifiedName& relation) const {
  return relations_.contains(relation) ||
         (catalog_.taken_relations.contains(relation) && !freed_relations_.contains(relation));
}

bool TakenNames::HasConstraint(const pg::QualifiedName& constraint) const {
  return (catalog_.taken_constraints.contains(constraint) && !freed_constraints_.contains(constraint)) ||
         std::ranges::any_of(constraints_, [&](const auto& taken) {
           return taken.first.schema == constraint.schema && taken.second == constraint.name;
         });
}

std::string TakenNames::Choose(const pg::QualifiedName& table, const std::vector<std::string>& columns,
                               const std::string& kind) const {
  const std::string joined = fmt::format("{}", fmt::join(columns, "_"));
  std::string label = kind;
  for (int n = 1;; ++n) {
    const pg::QualifiedName name{table.schema, ObjectName(table.name, joined, label)};
    const bool taken = (kind != "check" && kind != "fkey" && HasRelation(name)) ||
                       (kind != "idx" && kind != "seq" && HasConstraint(name));
    if (!taken) return name.name;
    label = kind + std::to_string(n);
  }
}

bool TakenNames::TakeConstraint(const pg::QualifiedName& table, const std::string& name) {
  const auto known = catalog_.tables.find(table);
  const bool freed = freed_constraints_.contains({table.schema, name});
  if (known != catalog_.tables.end() && known->second.FindConstraint(name) != nullptr && !freed) return false;
  return constraints_.insert({table, name}).second;
}

bool TakenNames::TakeRelation(const pg::QualifiedName& relation) {
  const bool free = !catalog_.taken_relations.contains(relation) ||
                    (freed_relations_.contains(relation) && !kept_relations_.contains(relation));
  return free && relations_.insert(relation).second;
}

void TakenNames::FreeConstraint(const pg::QualifiedName& table, const std::string& name) {
  constraints_.erase({table, name});
  freed_constraints_.insert({table.schema, name});
}

void TakenNames::FreeRelation(const pg::QualifiedName& relation, bool now) {
  relations_.erase(relation);
  freed_relations_.insert(relation);
  if (!now) kept_relations_.insert(relation);
}

}  // namespace plan
