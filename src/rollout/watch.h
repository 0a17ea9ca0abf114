#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/stop.h"
#include "rollout/watcher.h"

namespace rollout {

struct WatchOptions {
  std::chrono::milliseconds every = std::chrono::seconds(10);
  std::optional<std::chrono::milliseconds> lasts = {};  // nothing: until something fires, or nothing is left to watch
  bool once = false;
  base::Stop stop = nullptr;
  // Each may be empty. `begins`: after the first look, where another one follows.
  std::function<void(const Observation& seen)> begins = {};
  std::function<void(const Finding& finding)> came = {};
  std::function<void(const Finding& finding)> went = {};
};

struct WatchReport {
  Observation last;
  std::int64_t looks = 0;
};

// Looks until a condition, an invariant or an alarm calls for a way back, or nothing is left to watch; tells what came
// and what went in between. A look that fails is a finding, but for the first one, which throws. Throws kInterrupted.
WatchReport Watch(Watcher& watcher, const WatchOptions& options);

}  // namespace rollout
