#include "catalog/catalog.h"

#include <algorithm>

#include "base/error.h"

namespace catalog {
namespace {

// The entry of a map keyed by qualified names that a name as written leads to.
template <typename Map>
const typename Map::value_type* Lookup(const Map& map, const std::vector<std::string>& search_path,
                                       const std::string& schema, const std::string& name) {
  const auto in = [&](const std::string& one) {
    const auto found = map.find(pg::QualifiedName{one, name});
    return found == map.end() ? nullptr : &*found;
  };
  if (!schema.empty()) return in(schema);
  for (const auto& one : search_path) {
    if (const auto* found = in(one)) return found;
  }
  return nullptr;
}

template <typename Item>
const Item* FindByName(const std::vector<Item>& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const Column* Table::FindColumn(const std::string& column) const { return FindByName(columns, column); }

const Constraint* Table::FindConstraint(const std::string& constraint) const {
  return FindByName(constraints, constraint);
}

const Constraint* Table::PrimaryKey() const {
  const auto found =
      std::find_if(constraints.begin(), constraints.end(), [](const auto& one) { return one.type == 'p'; });
  return found == constraints.end() ? nullptr : &*found;
}

std::vector<std::string> Table::KeyColumns() const {
  const auto* key = PrimaryKey();
  return key == nullptr ? std::vector<std::string>() : key->columns;
}

const Table* Catalog::Find(const std::string& schema, const std::string& name) const {
  const auto* found = Lookup(tables, search_path, schema, name);
  return found == nullptr ? nullptr : &found->second;
}

const std::pair<const pg::QualifiedName, pg::QualifiedName>* Catalog::FindIndex(const std::string& schema,
                                                                                const std::string& name) const {
  return Lookup(indexes, search_path, schema, name);
}

std::string Catalog::CreationSchema() const { return search_path.empty() ? std::string() : search_path.front(); }

const Type& Catalog::TypeOf(const std::string& written) const {
  const auto found = types.find(written);
  if (found != types.end()) return found->second;
  throw base::Error(base::Code::kInternal, "the type " + written + " was not asked for");
}

Cast Catalog::CastBetween(const std::string& from, const std::string& to) const {
  if (from == to) return {.exists = true, .coercible = true, .same_order = true, .safe = true};
  const auto found = casts.find({from, to});
  return found == casts.end() ? Cast() : found->second;
}

}  // namespace catalog
