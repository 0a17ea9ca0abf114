#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "release/trust.h"

namespace release {

struct Transform {
  std::string up;  // empty: the plain copy or cast
  std::string down;
};

struct Application {
  struct Version {
    std::string version;
    std::filesystem::path queries;  // as written, relative to the release
    // `application_name` of its sessions, or how it begins, with '*' behind that; empty: they cannot be told.
    std::string session_name = {};
  };
  std::optional<Version> before;
  std::optional<Version> after;
  base::Json code_rollback;  // {git: {...}} or {run: [...]}; null: not configured
};

struct Invariant {
  std::string name;
  std::string sql;
  base::Json
      expect;  // null, true, false, an integer or a text (fractions too); the query gives one row with one column
};

struct RollbackCondition {
  std::string name;
  std::string sql;  // or
  std::string prometheus;
  double max = 0;
  std::string duration;  // `for`
  std::string then;      // flag-off, code, undo, restore
};

// releases/NAME/release.yaml with the text of its change, validated.
struct Release {
  std::string name;  // of its directory
  std::filesystem::path directory;
  // release.yaml and the change byte by byte, by the names that they have in evidence: "release.yaml", "change.sql".
  std::map<std::string, std::string> files;
  std::string title;
  std::string owner;  // empty: none, and no rollout
  std::optional<std::chrono::milliseconds> rollback_window;
  std::filesystem::path change_path;  // as shown in messages: "releases/a/change.sql"
  std::string change_sql;
  std::map<std::string, std::map<std::string, Transform>> transforms;  // table as written -> new column -> transform
  std::map<std::string, Application> applications;
  std::map<std::string, base::Json> flags;
  base::Json traffic;
  std::vector<Invariant> invariants;
  std::vector<RollbackCondition> rollback_conditions;
  std::map<int, std::string>
      downs;  // `opaque: [{statement: N, down: SQL}]`: N counts the statements of change.sql from 1
  // `opaque: [{statement: N, writes: {TABLE: [COLUMN, ...]}}]`: table as written -> columns, or "*" alone for all.
  std::map<int, std::map<std::string, std::vector<std::string>>> writes;
  // `additive: {TABLE: [COLUMN, ...]}`: table as written -> columns that applications add to, rather than set.
  std::map<std::string, std::vector<std::string>> additive;
  std::vector<std::string> accepts;  // what the plan asks about, by the name that it has there
  std::vector<Trusted> trust;        // beside the environment's
};

// Every file that it names must exist inside the directory. Throws kNoRelease, kBadYaml (file:line:column, with the
// nearest known key for an unknown one), kFileRead.
Release LoadRelease(const std::filesystem::path& directory);
// What a release.yaml says by itself: of the files that it names there is nothing in it. Throws kBadYaml.
Release ReadDeclared(const std::string& yaml, const std::string& name);

}  // namespace release
