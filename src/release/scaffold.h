#pragma once

#include <filesystem>
#include <string>

namespace release {

// The text of a new switchback.yaml, with every default of the policy as a comment.
std::string ProjectYaml(const std::string& repository);

// "20261122-display-name", with today's date unless there is one. Throws kBadReleaseName.
std::string NewReleaseName(const std::string& given);
// A new release with an empty change.sql; its title is made of `name`. A crash leaves a directory that is none yet.
void WriteScaffold(const std::filesystem::path& directory, const std::string& name);

}  // namespace release
