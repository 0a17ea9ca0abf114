#pragma once

#include <string>

#include "pg/connection.h"

namespace rollout {

// Makes the backfills of a release wait between two batches, those of other processes too. True: one runs.
bool Pause(pg::Connection& connection, const std::string& release, const std::string& who);
// True: they were paused.
bool Resume(pg::Connection& connection, const std::string& release);

}  // namespace rollout
