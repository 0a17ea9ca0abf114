#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace evidence {

// Something in a package that does not hold.
struct Finding {
  std::string file;       // of the package; "mirror" for the copy in the database
  std::int64_t line = 0;  // from 1; 0: the file as a whole
  std::string kind;       // "changed", "removed", "reordered", "shortened", "appended", "torn", "missing", "extra",
                          // "symlink", "unreadable", "verdict", "derived", "mirror"
  std::string text;       // a sentence
};

struct Verification {
  std::vector<Finding> findings;       // empty: all that was checked holds; the journal's come first
  std::vector<std::string> checked;    // a sentence each
  std::vector<std::string> unchecked;  // what could not be looked at, and why
  std::string release;                 // as far as evidence.json can be read
  std::int64_t events = 0;
  [[nodiscard]] bool Holds() const { return findings.empty(); }
};

// Checks a package from its own content: the list of files, SHA256SUMS, the hash chain against the count and head that
// evidence.json states, the plan against its digest, each verdict decided again from its recorded facts, and
// evidence.json and report.md composed again from the rest. `mirror`: the journal's lines in the database; nothing:
// that is not compared, and said. Never throws for what it finds in the package; throws kNoEvidence where there is no
// such directory.
Verification Verify(const std::filesystem::path& package, const std::optional<std::vector<std::string>>& mirror);

base::Json ToJson(const Verification& verification);
// For people, without a trailing newline.
std::string Text(const Verification& verification);
// kEvidenceBroken with the first finding.
base::Error Refusal(const Verification& verification);

}  // namespace evidence
