#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "release/throttle.h"
#include "release/trust.h"

namespace release {

struct Policy {
  std::chrono::milliseconds backup_max_age = std::chrono::hours(24);  // of the base backup that a checkpoint may reuse
  long backup_max_wal = 4L * 1024 * 1024 * 1024;  // between that backup and the checkpoint, for a restore to replay
  std::chrono::milliseconds checkpoint_max_age = std::chrono::hours(4);  // at the gate of expand
  std::chrono::milliseconds lock_timeout = std::chrono::seconds(2);
  int lock_retries = 10;
  std::chrono::milliseconds lock_budget = std::chrono::seconds(6);          // of all waits for locks in any 60 s
  std::chrono::milliseconds index_lock_timeout = std::chrono::minutes(10);  // of CREATE and DROP INDEX CONCURRENTLY
  bool row_values_shown = false;                                            // in output, journal and evidence
  long slot_max_bytes = 4L * 1024 * 1024 * 1024;  // max_slot_wal_keep_size that a checkpoint asks for
};

struct Backup {
  std::string provider = "local";
  // What the tool's own keys say; empty: nothing. Paths are absolute, relative ones count from the root. All have
  // {restored: PATH}; local: {repository: PATH,
  // max_rate: bytes a second or absent}; pgbackrest: {stanza, repository: number, config: PATH or absent};
  // barman: {server, config: PATH or absent}.
  base::Json options = base::Json::object();
};

struct Environment {
  std::string name;
  std::string role = {};            // that the session must log in as; empty: whoever
  std::vector<Trusted> trust = {};  // the project's, and the environment's own
  std::string database_env;         // name of the variable that holds the connection string; may be empty
  std::string after;
  bool guarded = false;  // `protected`: what takes something from applications is confirmed by a person
  Policy policy;         // switchback.yaml's, with the environment's own on top
  Throttle throttle;     // likewise
  Backup backup;
};

// A folder with switchback.yaml, and the one environment that a command works on.
struct Project {
  std::filesystem::path root;
  std::filesystem::path state_dir;        // absolute: ROOT/.switchback unless state_dir says otherwise
  std::vector<std::string> environments;  // as written; "default" where switchback.yaml names none
  Environment environment;

  // ROOT/.switchback/ENVIRONMENT/RELEASE: journal.jsonl, checkpoint.json, evidence/. Not created.
  [[nodiscard]] std::filesystem::path StateOf(const std::string& release_name) const;
};

// An environment that somebody asked for, and where, for messages. Empty: nobody did.
struct Asked {
  std::string environment = {};
  std::string by = "--env";
};

// The nearest parent of `start` with switchback.yaml; of its environments the one asked for, else the only one.
// Throws kNoProject, kNoEnvironment (with those there are), kBadYaml.
Project LoadProject(const std::filesystem::path& start, const Asked& asked);

// RELEASE on the command line: a path when it contains '/' or is '.', else releases/NAME, else NAME without its date,
// else a prefix of either. Absolute. What is not a whole name must stand for one of all releases: those below
// releases/, and those of which the environment has a state, be they gone from there. Throws kNoRelease with the
// candidates.
std::filesystem::path FindRelease(const Project& project, const std::string& argument);
// For who only reads: of several that it may stand for, the one that `ended` is not true of.
std::filesystem::path FindRelease(const Project& project, const std::string& argument,
                                  const std::function<bool(const std::string& name)>& ended);

// Those below releases/ of the project, by their names.
std::vector<std::filesystem::path> ReleaseDirectories(const Project& project);

// A path for messages: relative to the working directory where it lies below it.
std::filesystem::path ShownPath(const std::filesystem::path& path);

}  // namespace release
