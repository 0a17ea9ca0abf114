#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "backfill/backfill.h"
#include "backfill/throttle.h"

namespace backfill {

// Gathers the pauses of a backfill: those for one reason that follow each other within a minute are told as one.
class Pauses {
 public:
  explicit Pauses(std::function<void(const Pause&)> tell) : tell_(std::move(tell)) {}

  // What holds now. True where it is not what held before.
  bool Note(const std::optional<Reason>& reason, base::Time now);
  // Tells of all that are left, the one that holds included.
  void End(base::Time now);

  [[nodiscard]] const std::optional<Reason>& reason() const { return reason_; }
  // How long the pause that holds has lasted.
  [[nodiscard]] std::chrono::milliseconds Lasted(base::Time now) const;

 private:
  void Close(base::Time now);

  std::function<void(const Pause&)> tell_;
  std::optional<Reason> reason_;
  base::Time since_;
  std::map<std::string, Pause> gathered_;  // by fact
};

}  // namespace backfill
