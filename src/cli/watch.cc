#include "rollout/watch.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/spelling.h"

namespace cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kEveryLeast{100};

std::string Watched(const rollout::Observation& seen) {
  return fmt::format("{} rollback conditions, {} invariants, the alarms, the stream and the ways back; {}",
                     seen.conditions.size(), seen.invariants,
                     seen.window.empty() ? "the rollback window is not open, it stands " + seen.stands
                                         : "the rollback window is " + seen.window);
}

// Tells what came and what went since the look before: for people a line each on stderr, with --json an object a line.
class Teller {
 public:
  explicit Teller(const Invocation& invocation) : invocation_(invocation), json_(invocation.json) {}

  void Begin(const std::string& release, milliseconds every, const rollout::Observation& seen) const {
    if (json_) return Print({{"watch", "begins"}, {"at", base::FormatTime(base::Now())}, {"every_ms", every.count()}});
    TellHeading(invocation_);
    base::Info("watching {} every {}: {}", release, base::FormatDuration(every), Watched(seen));
  }

  void Came(const rollout::Finding& finding) const { Say(finding, true); }
  void Went(const rollout::Finding& finding) const { Say(finding, false); }

 private:
  void Say(const rollout::Finding& finding, bool came) const {
    const std::string at = base::FormatTime(base::Now());
    if (json_) {
      Print({{"watch", came ? "came" : "went"}, {"at", at}, {"finding", rollout::ToJson(finding)}});
    } else if (came && finding.level != rollout::Level::kNote) {
      base::Warn("{}: {}", at, finding.text);
    } else if (came) {
      base::Info("{}: {}", at, finding.text);
    } else {
      base::Info("{}: no more: {}", at, finding.text);
    }
  }

  void Print(const base::Json& line) const {
    fmt::print(stderr, "{}\n",
               Spelling(invocation_).Advice(line).dump(-1, ' ', false, base::Json::error_handler_t::replace));
  }

  const Invocation& invocation_;
  bool json_;
};

Outcome Conclude(const std::string& release, const rollout::WatchReport& report) {
  const rollout::Observation& seen = report.last;
  Outcome outcome{.result = {{"looks", report.looks},
                             {"position", seen.stands},
                             {"rollback_window", seen.window.empty() ? base::Json() : base::Json(seen.window)},
                             {"over", seen.over.empty() ? base::Json() : base::Json(seen.over)},
                             {"findings", base::Json::array()},
                             {"conditions", base::Json::array()}}};
  for (const rollout::Finding& finding : seen.findings) outcome.result["findings"].push_back(rollout::ToJson(finding));
  for (const auto& condition : seen.conditions) outcome.result["conditions"].push_back(proof::ToJson(condition));
  if (!seen.findings.empty()) outcome.next = seen.findings.front().next;
  std::string verdict;
  switch (rollout::Gravest(seen)) {
    case rollout::Level::kNote:
      verdict = seen.over.empty() ? "all is as it should be: " + Watched(seen)
                                  : "there is nothing more to watch: " + seen.over;
      break;
    case rollout::Level::kHold:
      outcome.exit = base::Exit::kHold;
      verdict = "not all is as it should be";
      break;
    case rollout::Level::kFired:
      outcome.exit = base::Exit::kNoGo;
      verdict = "this calls for a way back";
  }
  outcome.text = fmt::format("{}: {}", release, verdict);
  for (const rollout::Finding& finding : seen.findings) outcome.text += "\n  " + finding.text;
  return outcome;
}

Outcome RunWatch(const Invocation& invocation) {
  const milliseconds every = base::ParseDuration(invocation.Option("--every"));
  if (every < kEveryLeast) throw base::Error(base::Code::kUsage, "--every is at least 100ms");
  const bool once = invocation.Has("--once");
  if (once && invocation.Has("--for")) throw base::Error(base::Code::kUsage, "--once and --for do not go together");
  std::optional<milliseconds> lasts;
  if (invocation.Has("--for")) lasts = base::ParseDuration(invocation.Option("--for"));

  const Teller teller(invocation);
  const std::string& release = invocation.scope->release;
  rollout::Watcher watcher([&] { return Context(invocation).Opening(); });
  const rollout::WatchReport report =
      rollout::Watch(watcher, {.every = every,
                               .lasts = lasts,
                               .once = once,
                               .stop = &base::InterruptFlag(),
                               .begins = [&](const rollout::Observation& seen) { teller.Begin(release, every, seen); },
                               .came = [&](const rollout::Finding& finding) { teller.Came(finding); },
                               .went = [&](const rollout::Finding& finding) { teller.Went(finding); }});
  return Conclude(release, report);
}

}  // namespace

Command Watch() {
  return {.name = "watch",
          .summary = "Watch the rollback conditions of a release, and that its ways back are kept working",
          .arguments = {{.name = "RELEASE",
                         .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
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
