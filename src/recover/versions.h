#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.h"
#include "release/release.h"

namespace recover {

// Sessions of an application's version that are connected to the database now.
struct VersionSeen {
  std::string application;
  std::string version;
  std::string name;  // application_name of the sessions
  std::int64_t sessions = 0;
  // "3 sessions of web 1.9.0 (application_name web-1.9.0-a1)".
  [[nodiscard]] std::string Text() const;
};

// Those of the new versions that release.yaml names by `application_name`.
std::vector<VersionSeen> NewVersionsSeen(pg::Connection& connection, const release::Release& release);

// False: release.yaml does not say by what name the sessions of any new version are known, so none can be seen.
bool NewVersionsNamed(const release::Release& release);

// "web 1.9.0 and jobs 7", or "the new version of the applications" where release.yaml names none.
std::string NewVersions(const release::Release& release);

// The name, or its beginning before a '*' that ends the pattern.
bool MatchesName(const std::string& name, const std::string& pattern);

}  // namespace recover
