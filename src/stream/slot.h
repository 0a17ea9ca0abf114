#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace stream {

// How a slot stands, as the server says.
struct SlotState {
  bool exists = false;
  bool lost = false;         // it will send nothing any more
  bool unreserved = false;   // what it has yet to send is removed at the server's next checkpoint
  std::string invalidation;  // why it was lost, in the server's words (16 and later); may be empty
  bool active = false;       // a session reads it
  pg::Lsn confirmed;         // what committed before is not sent again
  std::int64_t kept = 0;     // bytes of the write-ahead log that it keeps on the server
  // Bytes that may still be written until it is dropped, and the limit that this comes from; nothing: there is no
  // limit.
  std::optional<std::int64_t> room;
  std::optional<std::int64_t> limit;
};
SlotState ReadSlot(pg::Connection& connection, const std::string& slot);

// Why a slot serves no more, a sentence without a full stop; empty: it does.
std::string WhyLost(const SlotState& state, const std::string& slot);
// Why it will be lost soon: less than a fifth of its limit is left. Empty: it will not.
std::string WhyNearlyLost(const SlotState& state, const std::string& slot);

base::Json ToJson(const SlotState& state);

}  // namespace stream
