#include "catalog/carry.h"

#include <set>
#include <string>

namespace catalog {
namespace {

void CarryInto(base::Json& held, const base::Json& before, const base::Json& after, bool known_only) {
  std::set<std::string> keys;
  for (const auto* side : {&before, &after}) {
    for (const auto& [key, value] : side->items()) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const auto was = before.find(key);
    const auto is = after.find(key);
    if (was != before.end() && is != after.end() && *was == *is) continue;
    if (known_only && !held.contains(key)) continue;
    if (is == after.end()) {
      held.erase(key);
    } else if (was != before.end() && was->is_object() && is->is_object() && held.contains(key) &&
               held[key].is_object()) {
      CarryInto(held[key], *was, *is, false);
    } else {
      held[key] = *is;
    }
  }
}

}  // namespace

base::Json Carry(const base::Json& held, const base::Json& before, const base::Json& after) {
  base::Json carried = held;
  CarryInto(carried, before, after, true);
  return carried;
}

}  // namespace catalog
