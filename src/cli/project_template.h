#pragma once

#include <string>

namespace cli {

// The text of a new switchback.yaml, with every default of the policy as a comment.
std::string ProjectYaml(const std::string& repository);

}  // namespace cli
