#include "stream/slot.h"

#include <fmt/core.h>

#include "stream/sql_text.h"

namespace stream {
namespace {

constexpr std::int64_t kMegabyte = 1 << 20;
constexpr std::int64_t kFewFifths = 5;

std::optional<std::int64_t> Number(const pg::Result& result, int column) {
  if (result.IsNull(0, column)) return std::nullopt;
  return result.Int(0, column);
}

}  // namespace

SlotState ReadSlot(pg::Connection& connection, const std::string& slot) {
  SlotState state;
  const pg::Result found = connection.Query(std::string(sql_text::kReadSlot), {slot});
  if (found.rows() == 0) return state;
  state.exists = true;
  const std::string status = found.Text(0, 0);
  state.invalidation = found.Text(0, 1);
  state.lost = status == "lost" || !state.invalidation.empty() || found.IsNull(0, 3);
  state.unreserved = status == "unreserved";
  state.active = found.Bool(0, 2);
  if (!found.IsNull(0, 3)) state.confirmed = pg::Lsn::Parse(found.Text(0, 3));
  state.kept = found.Int(0, 4);
  state.room = Number(found, 5);
  state.limit = Number(found, 6);
  return state;
}

std::string WhyLost(const SlotState& state, const std::string& slot) {
  if (!state.exists) return fmt::format("the slot {} is not on this server", slot);
  if (!state.lost) return "";
  return fmt::format("the server gave up the slot {}{}", slot,
                     state.invalidation.empty() ? ": it kept more than max_slot_wal_keep_size"
                                                : fmt::format(" ({})", state.invalidation));
}

std::string WhyNearlyLost(const SlotState& state, const std::string& slot) {
  if (!state.exists || state.lost) return "";
  if (state.unreserved) {
    return fmt::format("the slot {} is past max_slot_wal_keep_size: the server gives it up at its next checkpoint",
                       slot);
  }
  if (!state.room || !state.limit || *state.room >= *state.limit / kFewFifths) return "";
  return fmt::format("the slot {} is given up after another {} MB of write-ahead log (max_slot_wal_keep_size is {} MB)",
                     slot, *state.room / kMegabyte, *state.limit / kMegabyte);
}

base::Json ToJson(const SlotState& state) {
  const auto optional = [](const std::optional<std::int64_t>& value) {
    return value ? base::Json(*value) : base::Json(nullptr);
  };
  return {{"exists", state.exists},
          {"lost", state.lost},
          {"unreserved", state.unreserved},
          {"invalidation", state.invalidation},
          {"kept", state.kept},
          {"room", optional(state.room)},
          {"limit", optional(state.limit)}};
}

}  // namespace stream
