// What stands on a step's tables and will not give way: better told before the step begins than found by queueing.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/time.h"
#include "pg/lock_watch.h"
#include "run/attempts.h"
#include "run/runner.h"

namespace run {

using journal::Direction;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

bool Excludes(const plan::Step& step, const plan::Lock& lock) {
  static const std::set<std::string> kExcluding = {"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"};
  // A concurrent build also waits for every transaction that has written.
  return kExcluding.contains(lock.mode) || (lock.mode == "SHARE UPDATE EXCLUSIVE" && !step.transactional);
}

std::vector<pg::QualifiedName> Tables(const plan::Step& step) {
  std::vector<pg::QualifiedName> tables;
  for (const plan::Lock& lock : step.locks) {
    if (Excludes(step, lock)) tables.push_back(lock.relation);
  }
  return tables;
}

}  // namespace

void Runner::CheckObstacles(const plan::Step& step, Direction direction) {
  const std::vector<pg::QualifiedName> tables = Tables(step);
  const bool idle = !step.data && (direction == Direction::kForward ? step.forward : *step.reverse).empty();
  if (tables.empty() || idle) return;
  // Applications that use prepared transactions have them for moments: only one that stays is an obstacle.
  const auto until = Clock::now() + session_.limits.lock_timeout;
  std::vector<pg::Obstacle> staying = pg::Obstacles(connection_, tables);
  while (!staying.empty() && Clock::now() < until) {
    StopIfAsked();
    std::this_thread::sleep_for(milliseconds(50));
    const std::vector<pg::Obstacle> now = pg::Obstacles(connection_, tables);
    std::erase_if(staying, [&](const pg::Obstacle& obstacle) {
      return std::none_of(now.begin(), now.end(), [&](const pg::Obstacle& other) {
        return other.kind == obstacle.kind && other.id == obstacle.id && other.table == obstacle.table;
      });
    });
  }
  if (staying.empty()) return;
  std::string detail;
  base::Json list = base::Json::array();
  for (const pg::Obstacle& obstacle : staying) {
    detail += (detail.empty() ? "" : "\n") + obstacle.Text();
    list.push_back({{"kind", obstacle.kind},
                    {"table", obstacle.table},
                    {"id", obstacle.id},
                    {"what", obstacle.what},
                    {"age_ms", obstacle.age.count()}});
  }
  session_.journal.Append("obstructed",
                          {{"step", step.id}, {"direction", journal::Name(direction)}, {"obstacles", list}});
  throw base::Error(base::Code::kObstructed,
                    fmt::format("{} was not begun, because its table is not free", What(step, direction)))
      .Detail(detail);
}

}  // namespace run
