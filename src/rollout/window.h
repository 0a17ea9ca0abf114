#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "plan/plan.h"
#include "release/release.h"

namespace rollout {

// The rollback window of a release: open from the end of migrate (of switch, where there is one) on, while nothing of
// contract is done.
struct Window {
  base::Time opened;
  std::optional<base::Time> ends;    // nothing: release.yaml names no length
  std::optional<base::Time> closed;  // by a person
};
std::optional<Window> WindowOf(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                               const journal::Position& position);

[[nodiscard]] bool IsOver(const Window& window, base::Time now);
// "open until ...", "ended ...", "closed ...".
std::string ShowWindow(const Window& window, base::Time now);

// When a person closed the window, for the checkpoint that there is.
std::optional<base::Time> WindowClosed(const journal::Journal& journal);

}  // namespace rollout
