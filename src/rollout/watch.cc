#include "rollout/watch.h"

#include <algorithm>
#include <map>
#include <thread>

#include "base/error.h"

namespace rollout {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// What came and what went since the look before.
class Changes {
 public:
  explicit Changes(const WatchOptions& options) : options_(options) {}

  void Tell(const std::vector<Finding>& findings) {
    std::map<std::string, Finding> now;
    for (const Finding& finding : findings) now.emplace(finding.about, finding);
    for (const Finding& finding : findings) {
      if (stands_.count(finding.about) == 0 && options_.came) options_.came(finding);
    }
    const bool blind =
        std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.blind; });
    for (const auto& [about, finding] : stands_) {
      if (now.count(about) > 0) continue;
      if (blind && !finding.blind) {
        now.emplace(about, finding);
      } else if (options_.went) {
        options_.went(finding);
      }
    }
    stands_ = std::move(now);
  }

 private:
  const WatchOptions& options_;
  std::map<std::string, Finding> stands_;
};

// Looks that take longer than the time between two of them are ended, too.
void Rest(Clock::time_point until, base::Stop stop) {
  base::StopIfAsked(stop);
  while (Clock::now() < until) {
    std::this_thread::sleep_for(std::min<Clock::duration>(milliseconds(100), until - Clock::now()));
    base::StopIfAsked(stop);
  }
}

// The database is away, or a file is being written: the next look may well succeed. What stood before is not known.
Observation LookAgain(Watcher& watcher, const Observation& before) {
  try {
    return watcher.Look();
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    Observation seen = before;
    std::erase_if(seen.findings, [](const Finding& finding) { return finding.blind; });
    // In front: nothing that stood there before has fired.
    seen.findings.insert(seen.findings.begin(), Unseen("the database", error));
    return seen;
  }
}

}  // namespace

WatchReport Watch(Watcher& watcher, const WatchOptions& options) {
  WatchReport report{.last = watcher.Look(), .looks = 1};
  const Observation& seen = report.last;
  if (!options.once && seen.over.empty() && options.begins) options.begins(seen);
  Changes changes(options);
  const Clock::time_point begun = Clock::now();
  for (auto next = begun + options.every;; next = std::max(next + options.every, Clock::now())) {
    if (options.once || Gravest(seen) == Level::kFired || !seen.over.empty()) return report;
    changes.Tell(seen.findings);
    if (options.lasts && Clock::now() >= begun + *options.lasts) return report;
    Rest(options.lasts ? std::min(next, begun + *options.lasts) : next, options.stop);
    report.last = LookAgain(watcher, seen);
    ++report.looks;
  }
}

}  // namespace rollout
