#include "rollout/window.h"

#include <fmt/core.h>

#include <algorithm>

#include "rollout/advice.h"

namespace rollout {

std::optional<Window> WindowOf(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                               const journal::Position& position) {
  const std::size_t end = std::max(plan.EndOf(plan::Phase::kMigrate), plan.EndOf(plan::Phase::kSwitch));
  if (end == 0 || position.done != end) return {};
  const std::optional<base::Time> opened = DoneAt(journal, plan.steps[end - 1].id);
  if (!opened) return {};
  Window window{.opened = *opened, .ends = std::nullopt, .closed = std::nullopt};
  if (release.rollback_window) window.ends = *opened + *release.rollback_window;
  if (const auto closed = WindowClosed(journal); closed && *closed > *opened) window.closed = closed;
  return window;
}

bool IsOver(const Window& window, base::Time now) { return window.closed || (window.ends && now >= *window.ends); }

std::string ShowWindow(const Window& window, base::Time now) {
  if (window.closed) return "closed " + base::FormatTime(*window.closed);
  if (!window.ends) return "open, without an end: release.yaml names no rollback_window";
  return fmt::format("{} {}", IsOver(window, now) ? "ended" : "open until", base::FormatTime(*window.ends));
}

std::optional<base::Time> WindowClosed(const journal::Journal& journal) {
  const journal::Event* closed = journal.Last("window_closed");
  const journal::Event* checkpoint = journal.Last("checkpoint");
  if (closed == nullptr || (checkpoint != nullptr && checkpoint->seq > closed->seq)) return {};
  return closed->at;
}

}  // namespace rollout
