#include "backfill/pauses.h"

namespace backfill {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr auto kQuiet = std::chrono::minutes(1);

}  // namespace

bool Pauses::Note(const std::optional<Reason>& reason, base::Time now) {
  const std::string before = reason_ ? reason_->fact : "";
  const std::string after = reason ? reason->fact : "";
  for (auto entry = gathered_.begin(); entry != gathered_.end();) {
    const bool over = entry->first != before && entry->first != after && now - entry->second.until > kQuiet;
    if (over) tell_(entry->second);
    entry = over ? gathered_.erase(entry) : std::next(entry);
  }
  if (before == after) {
    reason_ = reason;
    if (reason) gathered_.at(after).text = reason->text;
    return false;
  }
  Close(now);
  reason_ = reason;
  since_ = now;
  if (reason) {
    Pause& pause =
        gathered_.try_emplace(after, Pause{.fact = after, .text = {}, .since = now, .until = now}).first->second;
    pause.text = reason->text;
    ++pause.times;
  }
  return true;
}

void Pauses::Close(base::Time now) {
  if (!reason_) return;
  Pause& pause = gathered_.at(reason_->fact);
  pause.until = now;
  pause.waited += duration_cast<milliseconds>(now - since_);
  reason_.reset();
}

void Pauses::End(base::Time now) {
  Close(now);
  for (const auto& [fact, pause] : gathered_) tell_(pause);
  gathered_.clear();
}

milliseconds Pauses::Lasted(base::Time now) const {
  return reason_ ? duration_cast<milliseconds>(now - since_) : milliseconds(0);
}

}  // namespace backfill
