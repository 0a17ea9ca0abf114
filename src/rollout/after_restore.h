#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "journal/journal.h"
#include "salvage/fence.h"

namespace rollout {

// What came of a restore of a release, as its journal has it.
struct AfterRestore {
  struct Moment {
    base::Time at;
    std::string url;  // of the new server, without a password
  };
  std::optional<Moment> restored = {};      // the last one from the checkpoint that there is
  std::optional<base::Time> salvaged = {};  // into that one, for the last time
  std::int64_t conflicts = 0;               // that this left
  std::int64_t open = 0;                    // of them, those that stand as restored
  bool decided = false;                     // a person gave decisions since
  std::string conflicts_file = {};
  std::optional<base::Time> fenced = {};  // and not lifted since
  std::optional<Moment> cut_over = {};    // behind that fence
};
AfterRestore ReadAfterRestore(const journal::Journal& journal);

// For people: lines, each behind a line feed and two spaces; and facts. `fence` as it stands in the database: it may be
// of another release, or gone without a word in the journal.
std::string ShowAfterRestore(const AfterRestore& after, const salvage::FenceNow& fence);
base::Json AfterRestoreFacts(const AfterRestore& after, const salvage::FenceNow& fence);

// What is next where the fence stands.
std::string NextBehindFence(const std::string& release, const AfterRestore& after);

}  // namespace rollout
