#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/lookout.h"

namespace cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kEveryLeast{100};

std::string Watched(const Sight& sight) {
  return fmt::format("{} rollback conditions, {} invariants, the alarms, the stream and the ways back; {}",
                     sight.conditions.size(), sight.invariants,
                     sight.window.empty() ? "the rollback window is not open, it stands " + sight.stands
                                          : "the rollback window is " + sight.window);
}

// Tells what came and what went since the look before: for people a line each on stderr, with --json an object a line.
class Teller {
 public:
  explicit Teller(bool json) : json_(json) {}

  void Begin(const std::string& release, milliseconds every, const Sight& sight) const {
    if (json_) return Print({{"watch", "begins"}, {"at", base::FormatTime(base::Now())}, {"every_ms", every.count()}});
    base::Info("watching {} every {}: {}", release, base::FormatDuration(every), Watched(sight));
  }

  void Tell(const std::vector<Finding>& findings) {
    std::map<std::string, Finding> now;
    for (const Finding& finding : findings) now.emplace(finding.about, finding);
    for (const Finding& finding : findings) {
      if (stands_.count(finding.about) == 0) Say(finding, "came");
    }
    const bool blind =
        std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.blind; });
    for (const auto& [about, finding] : stands_) {
      if (now.count(about) > 0) continue;
      if (blind && !finding.blind) {
        now.emplace(about, finding);
      } else {
        Say(finding, "went");
      }
    }
    stands_ = std::move(now);
  }

 private:
  void Say(const Finding& finding, const char* what) const {
    const std::string at = base::FormatTime(base::Now());
    const bool came = what == std::string_view("came");
    if (json_) {
      Print({{"watch", what}, {"at", at}, {"finding", ToJson(finding)}});
    } else if (came && finding.level != Level::kNote) {
      base::Warn("{}: {}", at, finding.text);
    } else if (came) {
      base::Info("{}: {}", at, finding.text);
    } else {
      base::Info("{}: no more: {}", at, finding.text);
    }
  }

  static void Print(const base::Json& line) {
    fmt::print(stderr, "{}\n", line.dump(-1, ' ', false, base::Json::error_handler_t::replace));
  }

  bool json_;
  std::map<std::string, Finding> stands_;
};

void Rest(Clock::time_point until) {
  while (Clock::now() < until) {
    base::StopIfInterrupted();
    std::this_thread::sleep_for(std::min<Clock::duration>(milliseconds(100), until - Clock::now()));
  }
}

// The database is away, or a file is being written: the next look may well succeed. What stood before is not known.
Sight LookAgain(Lookout& lookout, const Sight& before) {
  try {
    return lookout.Look();
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    Sight sight = before;
    std::erase_if(sight.findings, [](const Finding& finding) { return finding.blind; });
    // In front: nothing that stood there before has fired.
    sight.findings.insert(sight.findings.begin(), Unseen("the database", error));
    return sight;
  }
}

Outcome Conclude(const std::string& release, const Sight& sight, std::int64_t looks) {
  Outcome outcome{.result = {{"looks", looks},
                             {"position", sight.stands},
                             {"rollback_window", sight.window.empty() ? base::Json() : base::Json(sight.window)},
                             {"over", sight.over.empty() ? base::Json() : base::Json(sight.over)},
                             {"findings", base::Json::array()},
                             {"conditions", base::Json::array()}}};
  for (const Finding& finding : sight.findings) outcome.result["findings"].push_back(ToJson(finding));
  for (const auto& condition : sight.conditions) outcome.result["conditions"].push_back(proof::ToJson(condition));
  if (!sight.findings.empty()) outcome.next = sight.findings.front().next;
  std::string verdict;
  switch (Gravest(sight)) {
    case Level::kNote:
      verdict = sight.over.empty() ? "all is as it should be: " + Watched(sight)
                                   : "there is nothing more to watch: " + sight.over;
      break;
    case Level::kHold:
      outcome.exit = base::Exit::kHold;
      verdict = "not all is as it should be";
      break;
    case Level::kFired:
      outcome.exit = base::Exit::kNoGo;
      verdict = "this calls for a way back";
  }
  outcome.text = fmt::format("{}: {}", release, verdict);
  for (const Finding& finding : sight.findings) outcome.text += "\n  " + finding.text;
  return outcome;
}

Outcome RunWatch(const Invocation& invocation) {
  const milliseconds every = base::ParseDuration(invocation.Option("--every"));
  if (every < kEveryLeast) throw base::Error(base::Code::kUsage, "--every is at least 100ms");
  const bool once = invocation.Has("--once");
  if (once && invocation.Has("--for")) throw base::Error(base::Code::kUsage, "--once and --for do not go together");
  std::optional<milliseconds> lasts;
  if (invocation.Has("--for")) lasts = base::ParseDuration(invocation.Option("--for"));

  Lookout lookout(invocation);
  Teller teller(invocation.json);
  Sight sight = lookout.Look();
  const std::string& release = invocation.scope->release;
  if (!once && sight.over.empty()) teller.Begin(release, every, sight);
  const Clock::time_point begun = Clock::now();
  std::int64_t looks = 1;
  for (auto next = begun + every;; next = std::max(next + every, Clock::now())) {
    if (once || Gravest(sight) == Level::kFired || !sight.over.empty()) return Conclude(release, sight, looks);
    teller.Tell(sight.findings);
    if (lasts && Clock::now() >= begun + *lasts) return Conclude(release, sight, looks);
    Rest(lasts ? std::min(next, begun + *lasts) : next);
    sight = LookAgain(lookout, sight);
    ++looks;
  }
}

}  // namespace

Command Watch() {
  return {.name = "watch",
          .summary = "Watch the rollback conditions of a release, and that its ways back are kept working",
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .options = {{.name = "--every", .value = "DURATION", .help = "between two looks", .fallback = "10s"},
                      {.name = "--for",
                       .value = "DURATION",
                       .help = "end after so long (default: with the rollback window, or when something fires)"},
                      {.name = "--once", .help = "look once"}},
          .text =
              "Asks the rollback conditions and invariants of release.yaml, and tells alarms, changes beside the\n"
              "release, rows without a way back, a checkpoint that cannot be restored, and a stream that is lost\n"
              "or soon will be, when it comes and when it goes. Reads the stream on, so that its slot keeps little\n"
              "write-ahead log. It changes nothing, and never goes back by itself. Exit 0: all is well, or the\n"
              "window is over. 10: a rollback condition, an invariant or an alarm calls for the way back; this ends\n"
              "the watch. 11: something else is not as it should be, at the last look.",
          .verb = RunWatch};
}

}  // namespace cli
