#include "recover/versions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "recover/diagnose.h"

namespace recover {

std::string VersionSeen::Text() const {
  return fmt::format("{} session{} of {} {} (application_name {})", sessions, sessions == 1 ? "" : "s", application,
                     version, name);
}

bool MatchesName(const std::string& name, const std::string& pattern) {
  if (!pattern.ends_with('*')) return name == pattern;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

std::vector<VersionSeen> NewVersionsSeen(pg::Connection& connection, const release::Release& release) {
  std::vector<VersionSeen> seen;
  if (!NewVersionsNamed(release)) return seen;
  const std::vector<Diagnosis::Application> connected = ReadApplications(connection);
  for (const auto& [application, versions] : release.applications) {
    if (!versions.after || versions.after->session_name.empty()) continue;
    for (const Diagnosis::Application& sessions : connected) {
      if (MatchesName(sessions.name, versions.after->session_name))
        seen.push_back({application, versions.after->version, sessions.name, sessions.sessions});
    }
  }
  return seen;
}

bool NewVersionsNamed(const release::Release& release) {
  return std::any_of(release.applications.begin(), release.applications.end(),
                     [](const auto& entry) { return entry.second.after && !entry.second.after->session_name.empty(); });
}

std::string NewVersions(const release::Release& release) {
  std::vector<std::string> names;
  for (const auto& [application, versions] : release.applications) {
    if (versions.after) names.push_back(application + " " + versions.after->version);
  }
  if (names.empty()) return "the new version of the applications";
  return fmt::format("{}", fmt::join(names, " and "));
}

}  // namespace recover
