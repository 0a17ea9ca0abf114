#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "journal/event.h"
#include "plan/plan.h"
#include "release/release.h"

namespace evidence {

// The version of evidence.json; docs/formats/evidence.md is the specification.
inline constexpr int kFormatVersion = 2;

// All that evidence.json is made of. It is made of nothing else: who holds a package can compose it again and compare.
struct Sources {
  base::Json declared;  // Declare()
  plan::Plan plan;
  std::vector<journal::Event> events;
  std::optional<base::Json> checkpoint;        // checkpoint.json
  std::map<std::string, std::string> digests;  // of the files beside it, by name: "sha256:<hex>"
  base::Time built_at;
  std::string program_version;
};

// From the files of a package by name, and the journal's events, of which the last is `inputs`. Throws kBadJson,
// kBadYaml, kPlanTampered.
Sources SourcesOf(const std::map<std::string, std::string>& files, const std::vector<journal::Event>& events);

// What release.yaml says about the way back, and the names that people know it by.
base::Json Declare(const release::Release& release, const std::string& environment);

// Pure. {format, version, built_at, built_by, release, digests, journal, standing, rollout, remediation, rollback}.
// Throws kOtherInputs where the journal and the plan do not belong together.
base::Json Compose(const Sources& sources);

}  // namespace evidence
