#pragma once

#include <span>
#include <string>
#include <vector>

#include "journal/event.h"
#include "pg/connection.h"
#include "plan/plan.h"

namespace run {

// A release that stands in this database, and has in hand what this one changes or relies on.
struct Other {
  std::string release;
  std::string stands;  // "step migrate.2 is its last"
  std::vector<std::string> shares;
  bool later = false;  // it was begun after this one, so its way back comes first
};

// One that is taken back, purged, closed, or complete and past its rollback window stands no more. `own`: the journal
// of the plan's release.
std::vector<Other> FindOthers(pg::Connection& connection, const plan::Plan& plan, std::span<const journal::Event> own);

// A sentence without a full stop.
std::string Text(const Other& other);

}  // namespace run
