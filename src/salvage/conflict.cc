#include "salvage/conflict.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace salvage {
namespace {

// Without values that are not known.
base::Json RowJson(const Table& table, const std::optional<Row>& row, const std::set<std::size_t>& unsent = {}) {
  if (!row) return {};
  base::Json json = base::Json::object();
  for (std::size_t i = 0; i < row->size(); ++i) {
    if (unsent.count(i) == 0) json[table.columns[i].name] = ValueJson((*row)[i]);
  }
  return json;
}

std::string Why(const Table& table, ConflictKind kind, const std::string& said) {
  std::string why = Explain(kind);
  if (table.unseen && (kind == ConflictKind::kColumn || kind == ConflictKind::kChangedRow)) {
    why += ", or somebody whom the stream does not show: the table was rewritten";
  }
  return said.empty() ? why : why + ": " + said;
}

// The constraint, or the column, that the server names in what it said.
std::string NamedIn(const std::string& said) {
  for (const std::string_view before : {"constraint \"", "column \""}) {
    const std::size_t at = said.find(before);
    if (at == std::string::npos) continue;
    const std::size_t begin = at + before.size();
    return said.substr(begin, said.find('"', begin) - begin);
  }
  return "";
}

std::string GroupName(const Table& table, const Conflict& conflict, const std::string& said) {
  std::string in;
  if (conflict.column) {
    in = table.columns[*conflict.column].name;
  } else if (conflict.kind == ConflictKind::kForeignKey) {
    in = said;
  } else if (conflict.kind == ConflictKind::kRefused) {
    in = NamedIn(said);
  }
  return fmt::format("{}:{}{}{}", Name(conflict.kind), table.name.Text(), in.empty() ? "" : ".", in);
}

// The stream has the whole row, or the restored server has what it lacks.
bool IsWhole(const Table& table, const base::Json& body) {
  const std::size_t known =
      body.at("application").size() + (body.contains("defaults") ? body.at("defaults").size() : 0);
  return !body.at("restored").is_null() || body.at("application").is_null() || known == table.columns.size();
}

base::Json ChoicesOf(const Table& table, const base::Json& body) {
  base::Json choices = {"restored"};
  if (body.contains("column") || IsWhole(table, body)) choices.push_back("application");
  if (body.contains("added")) choices.push_back("delta");
  if (body.contains("column")) {
    choices.push_back("value");
  } else if (body.at("application").is_object()) {
    choices.push_back("values");
  }
  return choices;
}

bool IsValue(const base::Json& value) { return value.is_null() || value.is_string(); }

// The word that stands for it among the choices; empty: it is none.
std::string WordOf(const base::Json& take) {
  if (take.is_string()) return take.get<std::string>();
  if (!take.is_object() || take.size() != 1) return "";
  if (take.contains("value") && IsValue(take.at("value"))) return "value";
  if (!take.contains("values") || !take.at("values").is_object()) return "";
  const base::Json& values = take.at("values");
  return std::all_of(values.begin(), values.end(), IsValue) ? "values" : "";
}

}  // namespace

base::Json ValueJson(const Value& value) { return value ? base::Json(*value) : base::Json(); }

std::string ContentOf(const base::Json& conflict) {
  base::Json content = base::Json::object();
  for (const char* member : {"table", "key", "cause", "column", "restored", "application", "defaults", "new_column",
                             "new_columns", "added"}) {
    if (conflict.contains(member)) content[member] = conflict.at(member);
  }
  return content.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

std::string PlaceOf(const base::Json& conflict) {
  const base::Json place = {conflict.at("group"), conflict.at("key"), conflict.value("column", "")};
  return place.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

std::string WhyNot(const base::Json& conflict, const base::Json& take) {
  const base::Json& choices = conflict.at("choices");
  const std::string word = WordOf(take);
  if (std::find(choices.begin(), choices.end(), word) != choices.end()) return "";
  std::string text = fmt::format("{} is none of its choices: ", take.dump());
  for (std::size_t i = 0; i < choices.size(); ++i) text += (i == 0 ? "" : ", ") + choices[i].get<std::string>();
  if (word == "delta") text += "; it is one for values that applications add to, under `additive` in release.yaml";
  if (word == "application") text += "; the stream does not have all values of the row";
  return text;
}

base::Json ToJson(const Group& group) {
  return {{"group", group.name},      {"cause", group.cause},         {"table", group.table},    {"why", group.why},
          {"choices", group.choices}, {"conflicts", group.conflicts}, {"refused", group.refused}};
}

Group GroupFromJson(const base::Json& json) {
  return {.name = json.at("group"),
          .cause = json.at("cause"),
          .table = json.at("table"),
          .why = json.at("why"),
          .choices = json.at("choices"),
          .conflicts = json.at("conflicts"),
          .refused = json.at("refused")};
}

std::vector<Group> GroupsOf(const base::Json& conflicts) {
  std::map<std::string, Group> groups;
  for (const base::Json& conflict : conflicts) {
    const std::string name = conflict.at("group");
    Group& group = groups[name];
    ++group.conflicts;
    if (conflict.contains("refused")) ++group.refused;
    if (group.name.empty()) {
      group.name = name;
      group.cause = conflict.at("cause");
      group.table = pg::QualifiedName{conflict.at("table")[0], conflict.at("table")[1]}.Text();
      for (const ConflictKind kind : kConflictKinds) {
        if (Name(kind) == group.cause) group.why = Explain(kind);
      }
    }
    for (const char* choice : {"restored", "application", "delta"}) {
      const base::Json& choices = conflict.at("choices");
      if (std::find(choices.begin(), choices.end(), choice) == choices.end()) continue;
      if (std::find(group.choices.begin(), group.choices.end(), choice) == group.choices.end()) {
        group.choices.emplace_back(choice);
      }
    }
  }
  std::vector<Group> list;
  for (auto& [name, group] : groups) list.push_back(std::move(group));
  return list;
}

base::Json ConflictJson(const Table& table, const std::vector<Value>& key, const std::optional<Row>& restored,
                        const Conflict& conflict, const std::string& said) {
  const std::optional<Row>& row = restored ? restored : conflict.application_row;
  base::Json keys = base::Json::object();
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const std::size_t place = table.key[i];
    if (row || i < key.size()) keys[table.columns[place].name] = ValueJson(row ? (*row)[place] : key[i]);
  }
  base::Json json = {{"table", base::Json::array({table.name.schema, table.name.name})},
                     {"key", keys},
                     {"cause", Name(conflict.kind)},
                     {"group", GroupName(table, conflict, said)},
                     {"why", Why(table, conflict.kind, said)},
                     {"take", nullptr}};
  if (conflict.column) {
    const Column& column = table.columns[*conflict.column];
    json["column"] = column.name;
    json["restored"] = ValueJson(conflict.restored);
    json["application"] = ValueJson(conflict.application);
    if (conflict.kind == ConflictKind::kOutOfStep) json["new_column"] = ValueJson(conflict.other);
    if (column.additive && conflict.added && conflict.restored) json["added"] = *conflict.added;
  } else {
    json["restored"] = RowJson(table, restored);
    json["application"] = RowJson(table, conflict.application_row, conflict.unsent);
    if (!restored) {
      for (const std::size_t place : conflict.absent) json["defaults"].push_back(table.columns[place].name);
    }
  }
  json["choices"] = ChoicesOf(table, json);
  return json;
}

}  // namespace salvage
