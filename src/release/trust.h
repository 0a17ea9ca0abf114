#pragma once

#include <string>
#include <vector>

namespace release {

// A role whose code may run with the rights of the role that makes releases, because a person says why: `trust:` of
// switchback.yaml and release.yaml.
struct Trusted {
  std::string role;  // "PUBLIC": everyone
  std::string reason;
};

class YamlValue;
// A list of {role, reason}. Throws kBadYaml.
std::vector<Trusted> ReadTrust(const YamlValue& value);

}  // namespace release
