#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "plan/plan.h"
#include "release/release.h"

// Where a release stands, in words, and what can be done there.
namespace rollout {

// "at the start", "after migrate (5 of 9 steps)", "between expand and migrate, at step migrate.2 (3 of 9 steps)", ...
std::string ShowPosition(const plan::Plan& plan, const journal::Position& position);
base::Json PositionFacts(const plan::Plan& plan, const journal::Position& position);

// When a step was last done.
std::optional<base::Time> DoneAt(const journal::Journal& journal, const std::string& step);

// What can be done next, a command line with its reason.
std::string Advice(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                   const journal::Position& position);

// The same while conflicts of a salvage are left: to decide them, and `then`.
std::string NextOfConflicts(const std::string& release, const std::string& file, const std::string& then);

}  // namespace rollout
