#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pg/connection.h"

namespace rollout {

// One thing that a role may do with the tool, and the statements that let it.
struct Ability {
  std::string name;     // "run the steps of a release"
  std::string without;  // what is not there without it
  bool required = true;
  std::vector<std::string> statements = {};
  std::vector<std::string> notes = {};  // what no statement of ours can do
};

// The least rights with which `role` works on this database. Looks only.
std::vector<Ability> ReadGrants(pg::Connection& connection, const std::string& role);

// A script for psql: what is asked for as statements, the rest as comments.
std::string GrantScript(const std::string& database, const std::string& role, const std::vector<Ability>& abilities);
base::Json ToJson(const std::vector<Ability>& abilities);

}  // namespace rollout
