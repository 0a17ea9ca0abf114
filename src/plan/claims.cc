#include "plan/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "catalog/parts.h"
#include "plan/plan.h"

namespace plan {
namespace {

using base::Json;

bool Lists(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

const Claim* ClaimOn(const std::vector<Claim>& claims, const std::string& table) {
  const auto claim = std::ranges::find_if(claims, [&](const Claim& c) { return c.table.Text() == table; });
  return claim == claims.end() ? nullptr : &*claim;
}

// All SQL of a plan, in which its steps name what they work on.
std::string AllSql(const Plan& plan) {
  std::string text;
  const auto add = [&](const std::vector<Statement>& statements) {
    for (const Statement& statement : statements) text += statement.sql + "\n" + statement.only_if + "\n";
  };
  for (const Step& step : plan.steps) {
    add(step.forward);
    if (step.reverse) add(*step.reverse);
    text += step.postcondition.sql + "\n" + step.reverse_postcondition.sql + "\n" + step.index + "\n";
  }
  return text;
}

// What is known of one table, cut down to what the release needs.
class TableCut {
 public:
  TableCut(const Plan& plan, const std::string& text, const Claim& claim) : plan_(plan), text_(text), claim_(claim) {}

  Json Of(const Json& table) const {
    Json cut = Json::object();
    for (const char* key : {"kind", "persistence", "partition_key", "parent"}) {
      if (table.contains(key)) cut[key] = table.at(key);
    }
    if (catalog::HasWord(text_, "REPLICA") && table.contains("replica_identity"))
      cut["replica_identity"] = table.at("replica_identity");
    cut["columns"] = Columns(table.value("columns", Json::object()));
    for (const char* section : {"constraints", "indexes", "triggers", "dependents"}) {
      cut[section] = Section(table.value(section, Json::object()), section == std::string_view("dependents"));
    }
    return cut;
  }

 private:
  Json Columns(const Json& columns) const {
    Json cut = Json::object();
    for (const auto& [name, column] : columns.items()) {
      if (Lists(claim_.changes, name))
        cut[name] = column;
      else if (Lists(claim_.reads, name))
        cut[name] = {{"type", column.value("type", Json())}};
    }
    return cut;
  }

  // What the release itself left when it was taken back carries its hex.
  Json Section(const Json& things, bool dependents) const {
    Json cut = Json::object();
    for (const auto& [name, thing] : things.items()) {
      if (name.find(plan_.hex) != std::string::npos && !plan_.hex.empty() && !IsSilent(thing)) continue;
      const Json columns = thing.value("columns", Json::array());
      const bool on_changed =
          std::ranges::any_of(columns, [&](const Json& column) { return Lists(claim_.changes, column); });
      const bool named = !dependents && catalog::HasWord(text_, name);
      if (on_changed || named || (dependents && claim_.whole)) cut[name] = thing;
    }
    return cut;
  }

  static bool IsSilent(const Json& thing) { return thing == Json{{"enabled", false}}; }

  const Plan& plan_;
  const std::string& text_;
  const Claim& claim_;
};

Json SilentTriggers(const std::string& text, const Json& table) {
  Json cut = Json::object();
  const Json triggers = table.value("triggers", Json::object());  // items() refers to it
  for (const auto& [name, trigger] : triggers.items()) {
    if (trigger == Json{{"enabled", false}} && catalog::HasWord(text, name)) cut[name] = trigger;
  }
  return {{"triggers", cut}};
}

}  // namespace

Json ToJson(const std::vector<Claim>& claims) {
  Json list = Json::array();
  for (const Claim& claim : claims) {
    list.push_back({{"table", Json::array({claim.table.schema, claim.table.name})},
                    {"whole", claim.whole},
                    {"changes", claim.changes},
                    {"reads", claim.reads}});
  }
  return list;
}

std::vector<Claim> ClaimsFromJson(const Json& json) {
  std::vector<Claim> claims;
  try {
    for (const Json& entry : json) {
      claims.push_back({{entry.at("table").at(0).get<std::string>(), entry.at("table").at(1).get<std::string>()},
                        entry.at("whole"),
                        entry.at("changes"),
                        entry.at("reads")});
    }
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "the claims of a release have another shape").Detail(error.what());
  }
  return claims;
}

std::vector<std::string> Shared(const std::vector<Claim>& mine, const std::vector<Claim>& theirs) {
  std::vector<std::string> shared;
  for (const Claim& claim : mine) {
    const Claim* other = ClaimOn(theirs, claim.table.Text());
    if (other == nullptr) continue;
    if (claim.whole || other->whole) {
      shared.push_back(claim.table.Text());
      continue;
    }
    std::set<std::string> columns;
    for (const std::string& column : claim.changes) {
      if (Lists(other->changes, column) || Lists(other->reads, column)) columns.insert(column);
    }
    for (const std::string& column : claim.reads) {
      if (Lists(other->changes, column)) columns.insert(column);
    }
    for (const std::string& column : columns) shared.push_back(claim.table.Text() + "." + column);
  }
  return shared;
}

Json Needed(const Plan& plan, const Json& described, Need need) {
  const std::string text = AllSql(plan);
  Json needed = Json::object();
  for (const auto& [name, table] : described.items()) {
    if (!table.is_object()) {
      needed[name] = table;
    } else if (need == Need::kUndo) {
      needed[name] = SilentTriggers(text, table);
    } else {
      static const Claim kNone;
      const Claim* claim = ClaimOn(plan.claims, name);
      needed[name] = TableCut(plan, text, claim == nullptr ? kNone : *claim).Of(table);
    }
  }
  return needed;
}

}  // namespace plan
