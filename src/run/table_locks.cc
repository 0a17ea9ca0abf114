// The locks of a step's transaction, in one order whatever its statements want. Applications lock tables in orders of
// their own, so none is safe beside all of them; what is: to wait long only while nothing is held.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "pg/lock_watch.h"
#include "pg/victim.h"
#include "run/runner.h"

namespace run {

using journal::Direction;
using std::chrono::milliseconds;

namespace {

constexpr std::array<std::string_view, 8> kModes = {
    "ACCESS SHARE", "ROW SHARE",           "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE",
    "SHARE",        "SHARE ROW EXCLUSIVE", "EXCLUSIVE",     "ACCESS EXCLUSIVE"};

std::size_t Strength(std::string_view mode) {
  return static_cast<std::size_t>(std::find(kModes.begin(), kModes.end(), mode) - kModes.begin());
}

// By name; a way back drops what its way forward made, which takes the strongest lock.
std::map<pg::QualifiedName, std::size_t> Wanted(const plan::Step& step, Direction direction) {
  std::map<pg::QualifiedName, std::size_t> wanted;
  for (const plan::Lock& lock : step.locks) {
    std::size_t strength = Strength(lock.mode);
    if (direction == Direction::kReverse && !step.data && strength >= Strength("SHARE ROW EXCLUSIVE"))
      strength = Strength("ACCESS EXCLUSIVE");
    std::size_t& known = wanted[lock.relation];
    known = std::max(known, strength);
  }
  return wanted;
}

}  // namespace

milliseconds Runner::TakeLocks(const plan::Step& step, Direction direction, pg::LockMeter& meter) {
  milliseconds each = std::min(session_.limits.lock_timeout, meter.Left());
  pg::SetLockTimeout(connection_, each);
  auto wanted = Wanted(step, direction);
  bool tree = false;
  std::erase_if(wanted, [&](const auto& lock) {
    const auto found = connection_.Query(
        "SELECT relhassubclass FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1) AND relkind IN "
        "('r', 'p')",
        {lock.first.Sql()});
    tree = tree || (found.rows() == 1 && found.Bool(0, 0) && lock.second == Strength("ACCESS EXCLUSIVE"));
    return found.rows() == 0;
  });
  if (wanted.size() == 1 && !tree) return each;  // its statement takes it
  const milliseconds among = pg::WaitAmongLocks(connection_, session_.limits.lock_timeout);
  const auto next = [&](milliseconds most) {
    each = std::min(most, meter.Left());
    pg::SetLockTimeout(connection_, each);
  };
  for (const auto& [table, strength] : wanted) {
    meter.Mark();
    pg::LockTables(connection_, fmt::format("{} IN {} MODE", table.Sql(), kModes.at(strength)), meter.Left());
    meter.Sample(connection_);
    next(among);
  }
  // Which tables it takes is not known before; or rows, which wait for each other by themselves.
  const bool rows = step.data || step.kind == plan::StepKind::kOpaque;
  next(rows ? session_.limits.lock_timeout : among);
  return each;
}

}  // namespace run
