#include "run/lock_meter.h"

#include <algorithm>
#include <array>

#include "run/sql_text.h"

namespace run {
namespace {

struct Mode {
  const char* name;     // as pg_locks has it
  const char* written;  // as SQL has it
};
constexpr std::array kModes = {
    Mode{"AccessShareLock", "ACCESS SHARE"},
    Mode{"RowShareLock", "ROW SHARE"},
    Mode{"RowExclusiveLock", "ROW EXCLUSIVE"},
    Mode{"ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"},
    Mode{"ShareLock", "SHARE"},
    Mode{"ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"},
    Mode{"ExclusiveLock", "EXCLUSIVE"},
    Mode{"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
};

}  // namespace

void LockMeter::Sample(pg::Connection& connection) {
  const auto rows = connection.Query(std::string(sql_text::kHeldLocks));
  for (int i = 0; i < rows.rows(); ++i) {
    const auto mode =
        std::find_if(kModes.begin(), kModes.end(), [&](const Mode& m) { return rows.Text(i, 1) == m.name; });
    if (mode == kModes.end()) continue;
    const auto strength = static_cast<int>(mode - kModes.begin()) + 1;
    Held& held = held_[rows.Text(i, 0)];
    if (held.strength < strength) held = {mode->written, strength, mark_};
  }
}

base::Json LockMeter::Report(const Waits& waits) const {
  const auto now = std::chrono::steady_clock::now();
  base::Json report = base::Json::array();
  for (const auto& [relation, held] : held_) {
    const auto waited = waits.by_relation.find(relation);
    const auto wait = waited == waits.by_relation.end() ? std::chrono::milliseconds(0) : waited->second;
    const auto hold = std::chrono::duration_cast<std::chrono::milliseconds>(now - held.since) - wait;
    report.push_back({{"relation", relation},
                      {"mode", held.mode},
                      {"wait_ms", wait.count()},
                      {"hold_ms", std::max<std::int64_t>(hold.count(), 0)}});
  }
  return report;
}

}  // namespace run
