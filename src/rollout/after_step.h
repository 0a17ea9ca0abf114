#pragma once

#include <functional>
#include <utility>

#include "rollout/open_release.h"

namespace rollout {

// What the session does behind each step, for as long as this lives.
class AfterStep {
 public:
  AfterStep(OpenRelease& open, std::function<void(const plan::Step&)> take) : open_(open) {
    open_.session().after_step = [take = std::move(take)](const plan::Step& step, journal::Direction) { take(step); };
  }
  AfterStep(const AfterStep&) = delete;
  AfterStep& operator=(const AfterStep&) = delete;
  ~AfterStep() { open_.session().after_step = {}; }

 private:
  OpenRelease& open_;
};

}  // namespace rollout
