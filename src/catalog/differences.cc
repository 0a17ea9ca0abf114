#include <algorithm>
#include <array>
#include <set>

#include "catalog/catalog.h"

namespace catalog {
namespace {

using base::Json;

// A value as people read it.
std::string Shown(const Json& value) {
  if (value.is_null()) return "none";
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  if (value.is_string()) return value.get<std::string>();
  std::string list;
  for (const auto& item : value) list += (list.empty() ? "" : ", ") + Shown(item);
  return list.empty() ? "none" : list;
}

const Json& At(const Json& object, const std::string& key) {
  static const Json kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

std::set<std::string> Keys(const Json& one, const Json& other) {
  std::set<std::string> keys;
  for (const auto* object : {&one, &other}) {
    for (const auto& [key, value] : object->items()) keys.insert(key);
  }
  return keys;
}

class Comparison {
 public:
  // {table: description or null}
  void Tables(const Json& before, const Json& after) {
    for (const auto& table : Keys(before, after)) {
      prefix_ = table + ": ";
      const auto& was = At(before, table);
      const auto& is = At(after, table);
      if (was.is_null() != is.is_null()) {
        Say(is.is_null() ? "the table is gone" : "the table is new");
      } else if (was.is_object() && is.is_object()) {
        OneTable(was, is);
      }
    }
  }

  std::vector<std::string> sentences;

 private:
  void Say(const std::string& sentence) { sentences.push_back(prefix_ + sentence); }

  void OneTable(const Json& before, const Json& after) {
    static const std::array<std::pair<const char*, const char*>, 6> kSections = {{{"columns", "column "},
                                                                                  {"partitions", "child table "},
                                                                                  {"constraints", "constraint "},
                                                                                  {"indexes", "index "},
                                                                                  {"triggers", "trigger "},
                                                                                  {"dependents", ""}}};
    std::set<std::string> seen;
    for (const auto& [section, word] : kSections) {
      seen.insert(section);
      Section(word, At(before, section), At(after, section));
    }
    for (const auto& key : Keys(before, after)) {
      if (!seen.contains(key)) Field("", key, At(before, key), At(after, key));
    }
  }

  // Named things: {name: {field: value}}.
  void Section(const std::string& word, const Json& before, const Json& after) {
    for (const auto& name : Keys(before, after)) {
      const auto& was = At(before, name);
      const auto& is = At(after, name);
      if (was.is_null() && !IsSilent(is)) {
        Say(word + name + " is new" + What(is));
      } else if (is.is_null() && !IsSilent(was)) {
        Say(word + name + " is gone");
      } else {
        for (const auto& key : Keys(was, is)) Field(word + name, key, At(was, key), At(is, key));
      }
    }
  }

  // A trigger of a release is described only where it does not fire.
  static bool IsSilent(const Json& thing) { return thing == Json{{"enabled", false}}; }

  static std::string What(const Json& thing) {
    for (const char* key : {"type", "definition"}) {
      if (const auto& value = At(thing, key); value.is_string()) return ": " + value.get<std::string>();
    }
    return {};
  }

  void Field(const std::string& thing, const std::string& key, const Json& was, const Json& is) {
    if (was == is) return;
    const std::string subject = thing.empty() ? std::string() : thing + " ";
    if (key == "type" || key == "definition") {
      Say(subject + "is " + Shown(is) + ", was " + Shown(was));
    } else if (key == "not_null") {
      Say(subject + (is == true ? "is NOT NULL, was nullable" : "is nullable, was NOT NULL"));
    } else if (key == "valid" || key == "validated" || key == "enabled") {
      Say(subject + (is == false ? "is not " + key + ", was so" : "is " + key + ", was not"));
    } else {
      std::string words = key;
      std::replace(words.begin(), words.end(), '_', ' ');
      Say((thing.empty() ? words : thing + ": " + words) + " is " + Shown(is) + ", was " + Shown(was));
    }
  }

  std::string prefix_;
};

}  // namespace

std::vector<std::string> Differences(const Json& before, const Json& after) {
  Comparison comparison;
  comparison.Tables(before, after);
  return std::move(comparison.sentences);
}

}  // namespace catalog
