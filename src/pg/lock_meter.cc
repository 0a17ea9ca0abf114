#include "pg/lock_meter.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "pg/sql_text.h"

namespace pg {
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

// 0 for what is no lock on a table.
int StrengthOf(const std::string& mode) {
  const auto found = std::find_if(kModes.begin(), kModes.end(), [&](const Mode& m) { return mode == m.name; });
  return found == kModes.end() ? 0 : static_cast<int>(found - kModes.begin()) + 1;
}

const char* Written(int strength) { return kModes.at(static_cast<std::size_t>(strength) - 1).written; }

base::Json Entry(const base::Json& relation, const std::string& mode, std::chrono::milliseconds wait,
                 std::chrono::milliseconds hold) {
  return {{"relation", relation},
          {"mode", mode},
          {"wait_ms", wait.count()},
          {"hold_ms", std::max<std::int64_t>(hold.count(), 0)}};
}

}  // namespace

std::string LockMeter::NameOf(const std::string& oid) {
  try {
    if (!other_) other_.emplace(Connection::Open(options_));
    const auto name = other_->Query(std::string(sql_text::kTableName), {oid});
    return name.rows() == 1 ? name.Text(0, 0) : "";
  } catch (const base::Error& error) {
    base::Debug("a lock is not recorded: {}", error.message());
    return "";
  }
}

std::chrono::milliseconds LockMeter::Left() const {
  if (watch_ == nullptr) return room_;
  return std::max(room_ - watch_->Waited(), std::chrono::milliseconds(0));
}

void LockMeter::Sample(Connection& connection) {
  const auto rows = connection.Query(std::string(sql_text::kHeldLocks));
  for (int i = 0; i < rows.rows(); ++i) {
    const int strength = StrengthOf(rows.Text(i, 1));
    const std::string name = rows.IsNull(i, 0) ? NameOf(rows.Text(i, 2)) : rows.Text(i, 0);
    if (strength == 0 || name.empty()) continue;
    Held& held = held_[name];
    if (held.strength < strength) held = {Written(strength), strength, mark_};
  }
}

base::Json LockMeter::Report(const Waits& waits) const {
  using std::chrono::milliseconds;
  const auto now = std::chrono::steady_clock::now();
  auto waited = waits.by_relation;
  base::Json report = base::Json::array();
  for (const auto& [relation, held] : held_) {
    const milliseconds wait = waited[relation];
    waited.erase(relation);
    report.push_back(
        Entry(relation, held.mode, wait, std::chrono::duration_cast<milliseconds>(now - held.since) - wait));
  }
  for (const auto& [relation, held] : waits.held) {
    if (held_.contains(relation) || StrengthOf(held.mode) == 0) continue;
    report.push_back(Entry(relation, Written(StrengthOf(held.mode)), waited[relation], held.seen));
    waited.erase(relation);
  }
  for (const auto& [what, wait] : waited) report.push_back(Entry(nullptr, what, wait, milliseconds(0)));
  return report;
}

void LongestLocks::Add(const base::Json& report) {
  const std::scoped_lock lock(mutex_);
  for (const base::Json& entry : report) {
    if (!entry.at("relation").is_string()) continue;
    base::Json& longest = by_relation_[entry.at("relation").get<std::string>()];
    if (longest.is_null() || entry.at("hold_ms") > longest.at("hold_ms")) longest = entry;
  }
}

base::Json LongestLocks::List() const {
  const std::scoped_lock lock(mutex_);
  base::Json list = base::Json::array();
  for (const auto& [relation, entry] : by_relation_) list.push_back(entry);
  return list;
}

}  // namespace pg
