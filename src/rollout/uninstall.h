#pragma once

#include <cstdint>

#include "pg/connection.h"
#include "release/project.h"

namespace rollout {

struct Uninstalled {
  bool there = true;          // schema switchback was; else nothing is done
  std::int64_t journals = 0;  // that are in files now
};

// Drops schema switchback where nothing is open; journals that are only in the database are written into files first.
// `dry_run`: looks only. Throws kOpenEnds, with what keeps the schema; kLockTimeout. A crash leaves the schema as it
// was.
Uninstalled Uninstall(const release::Project& project, pg::Connection& connection, bool dry_run);

}  // namespace rollout
