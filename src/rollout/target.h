#pragma once

#include <string>
#include <vector>

#include "backup/provider.h"
#include "base/json.h"
#include "pg/connection.h"
#include "release/project.h"

namespace rollout {

// Something that the target does not give yet, and how to get it.
struct Missing {
  std::string text;    // "the role may not take base backups or open a slot"
  std::string remedy;  // a statement or a sentence
};

// What init finds in the target: who we are there, which rights and settings are off.
struct Target {
  std::string role;
  std::string database;
  std::string version;
  bool superuser = false;
  std::vector<Missing> missing = {};
  std::vector<backup::Setting> settings = {};  // only those that differ from what is wanted
  std::vector<std::string> found = {};         // what is there and goes on as it is, sentences
  [[nodiscard]] bool NeedsRestart() const;
};

// What becomes of an archive_command that somebody else relies on.
enum class ArchiveChoice {
  kByTool,  // it stays where a provider fits its tool; else it runs behind ours
  kBeside,  // it runs behind ours
  kReplace,
  kLeave
};
// "", "beside", "replace", "leave"; throws kUsage.
ArchiveChoice ParseArchiveChoice(const std::string& text);

// Looks only.
Target ReadTarget(pg::Connection& connection, const release::Environment& environment,
                  ArchiveChoice choice = ArchiveChoice::kByTool);

// "ALTER SYSTEM SET wal_level = 'logical';"
std::string ApplyStatement(const backup::Setting& setting);
// Writes the settings with ALTER SYSTEM and reloads the configuration. Throws kPrivilege. A crash leaves some of them
// written.
void ApplySettings(pg::Connection& connection, const std::vector<backup::Setting>& settings);

base::Json ToJson(const Target& target);

}  // namespace rollout
