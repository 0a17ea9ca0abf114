#include "cli/work.h"

#include <fmt/core.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "base/version.h"
#include "cli/plan_file.h"
#include "journal/tag.h"
#include "run/look.h"

namespace cli {
namespace {

void Tell(const run::Progress& progress) {
  using What = run::Progress::What;
  const std::string which = fmt::format("[{}/{}] {}{}", progress.number, progress.of, progress.step->id,
                                        progress.direction == journal::Direction::kForward ? "" : " back");
  switch (progress.what) {
    case What::kBegins:
      base::Info(
          "{}: {}", which,
          progress.direction == journal::Direction::kForward ? progress.step->title : progress.step->reverse_title);
      break;
    case What::kRetries:
      base::Warn("{}: {}", which, progress.text);
      break;
    case What::kWaits:
    case What::kEnds:
    case What::kBackfill:
      base::Info("{}: {}", which, progress.text);
      break;
  }
}

run::Limits LimitsOf(const release::Policy& policy) {
  run::Limits limits;
  limits.lock_timeout = policy.lock_timeout;
  limits.lock_retries = policy.lock_retries;
  limits.concurrent_lock_timeout = policy.index_lock_timeout;
  return limits;
}

}  // namespace

Work::Work(Context& context)
    : release_(context.release()),
      state_(context.StateDirectory()),
      plan_(RequirePlan(release_)),
      connection_(context.Connect()),
      journal_(run::OpenJournal(connection_, release_.name, state_)),
      session_{.connect = context.Database(),
               .plan = plan_,
               .journal = journal_,
               .tag_secret = journal::RunSecret(state_),
               .limits = LimitsOf(context.project().environment.policy),
               .program_version = std::string(base::kVersion),
               .stop = &base::InterruptFlag(),
               .progress = Tell} {}

journal::Position Work::Position() { return run::WhereItStands(connection_, plan_, journal_); }

}  // namespace cli
