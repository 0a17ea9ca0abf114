#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "journal/event.h"
#include "release/release.h"

// The evidence package of a release: a directory that a third party can verify with this program alone. This room never
// talks to a database; what it compares with one is handed to it.
namespace evidence {

inline constexpr const char* kEvidenceFile = "evidence.json";
inline constexpr const char* kReportFile = "report.md";
inline constexpr const char* kJournalFile = "journal.jsonl";
inline constexpr const char* kPlanFile = "plan.lock.json";
inline constexpr const char* kCheckpointFile = "checkpoint.json";  // only where there is one
inline constexpr const char* kReleaseFile = "release.yaml";
inline constexpr const char* kChangeFile = "change.sql";
inline constexpr const char* kSumsFile = "SHA256SUMS";

struct Inputs {
  std::string release;                       // its name
  std::map<std::string, std::string> files;  // byte by byte: release.yaml, change.sql, plan.lock.json, checkpoint.json
  std::string environment;
  std::string program_version;
  std::vector<journal::Event> events;  // of the journal, to its `inputs` event; a torn last line is left out
};

// The body of that event: the journal says what the package is made of, so that nothing in it stands alone.
base::Json InputsBody(const Inputs& inputs);

// Builds STATE/evidence/<time>/ and returns its path. The same inputs give the same bytes. A crash leaves a directory
// whose name ends in .tmp, which nobody reads and the next Build removes. The journal's last event is the `inputs`,
// whose time is that of the package. Throws kEvidenceExists where one of that very time is there, kFileWrite, kBadJson
// or kPlanTampered for a broken plan.lock.json, kOtherInputs where plan and journal do not belong together.
std::filesystem::path Build(const std::filesystem::path& state_directory, const Inputs& inputs);

// The newest package under STATE/evidence; throws kNoEvidence.
std::filesystem::path Newest(const std::filesystem::path& state_directory);

// "sha256:<hex>" of SHA256SUMS: names the whole package; the journal's `evidence` event carries it.
std::string PackageDigest(const std::filesystem::path& package);

// SHA256SUMS for files by name: what `sha256sum --check` reads.
std::string Sums(const std::map<std::string, std::string>& files);

}  // namespace evidence
