#include "cli/forward.h"

#include <fmt/core.h>

#include <charconv>

#include "base/error.h"
#include "base/time.h"
#include "rollout/advice.h"

namespace cli {
namespace {

constexpr const char* kAccept = "--accept-point-of-no-return";
constexpr const char* kTerminate = "--terminate-blockers-after";
constexpr const char* kAcceptAlarms = "--accept-alarms";
constexpr const char* kAcceptOtherPlan = "--accept-other-plan";
constexpr const char* kMaxRate = "--max-rate";

// 0: no limit.
std::int64_t MaxRate(const Invocation& invocation) {
  const std::string text = invocation.Option(kMaxRate);
  if (text.empty()) return 0;
  std::int64_t rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error == std::errc() && end == text.data() + text.size() && rate > 0) return rate;
  throw base::Error(base::Code::kUsage, fmt::format("--max-rate {}: a whole number of rows a second, above 0", text));
}

base::Json PhasesJson(const rollout::ForwardReport& report) {
  base::Json phases = base::Json::array();
  for (const rollout::ForwardReport::Done& done : report.phases) {
    phases.push_back(
        {{"phase", Name(done.phase)}, {"verdict", gate::Name(done.verdict)}, {"milliseconds", done.took.count()}});
  }
  return phases;
}

}  // namespace

Option TerminateOption() {
  return {.name = kTerminate,
          .value = "DURATION",
          .help =
              "end sessions that block a step for so long, in transactions that are open for so long; kept in the "
              "journal (default: never)"};
}

std::optional<std::chrono::milliseconds> TerminateAfter(const Invocation& invocation) {
  if (!invocation.Has(kTerminate)) return std::nullopt;
  return base::ParseDuration(invocation.Option(kTerminate));
}

std::vector<Option> ForwardOptions() {
  return {{.name = kAccept, .help = "go on though a step before purge has no way back; kept in the journal"},
          {.name = kAcceptAlarms,
           .help = "accept the alarms that `status` shows, by name, with all that comes to light of the same; kept in "
                   "the journal"},
          {.name = kAcceptOtherPlan,
           .help = "go on though the environment before has the release with another plan; kept in the journal"},
          TerminateOption()};
}

std::vector<Option> BackfillOptions() {
  std::vector<Option> options = ForwardOptions();
  options.push_back(
      {.name = kMaxRate, .value = "ROWS_PER_S", .help = "rows that a backfill fills in a second at most"});
  return options;
}

Outcome Forward(const Invocation& invocation, rollout::OpenRelease& open, rollout::ForwardOptions options) {
  options.rows_per_s = MaxRate(invocation);
  options.terminate_blockers_after = TerminateAfter(invocation);
  options.accept_point_of_no_return = invocation.Has(kAccept);
  options.accept_alarms = invocation.Has(kAcceptAlarms);
  options.accept_other_plan = invocation.Has(kAcceptOtherPlan);
  const rollout::ForwardReport report = rollout::Forward(open, options);
  std::string text = fmt::format("{}: {}", open.release().name, rollout::ShowPosition(open.plan(), report.position));
  if (report.filled > 0) text += fmt::format("\n  {} rows that came beside the triggers were filled", report.filled);
  if (!report.kept.empty()) text += "\n  " + report.kept;
  return {.result = {{"phases", PhasesJson(report)},
                     {"filled_again", report.filled},
                     {"position", rollout::PositionFacts(open.plan(), report.position)}},
          .text = std::move(text),
          .next = report.next};
}

}  // namespace cli
