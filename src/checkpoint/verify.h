#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace checkpoint {

// What a restored server holds, against what the checkpoint knows.
struct Verification {
  std::vector<std::string> schema;    // differences of the release's tables; empty: equal
  bool contents_checked = false;      // the checkpoint has no hashes: not checked is not equal
  std::vector<std::string> contents;  // differences, a sentence for each table
  [[nodiscard]] bool Good() const { return schema.empty() && contents.empty(); }
};
// {schema: "equal" | "different", contents: "equal" | "different" | "not checked", differences: [...]}
base::Json ToJson(const Verification& verification);

Verification Verify(const std::string& restored_url, const Checkpoint& checkpoint);

}  // namespace checkpoint
