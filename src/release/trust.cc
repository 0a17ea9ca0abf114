#include "release/trust.h"

#include "release/yaml.h"

namespace release {

std::vector<Trusted> ReadTrust(const YamlValue& value) {
  std::vector<Trusted> trusted;
  for (const YamlValue& entry : value.Items()) {
    if (entry.IsScalar()) entry.Fail(entry.path() + " says no reason", "Write {role: ROLE, reason: WHY}.");
    const YamlMap map = entry.Map({"role", "reason"});
    trusted.push_back({map.Require("role").Text(), map.Require("reason").Text()});
  }
  return trusted;
}

}  // namespace release
