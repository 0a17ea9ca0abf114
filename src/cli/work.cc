#include "cli/work.h"

#include <fmt/core.h>

#include "base/digest.h"
#include "base/interrupt.h"
#include "base/version.h"
#include "catalog/trust.h"
#include "cli/progress.h"
#include "journal/tag.h"
#include "rollout/plan_file.h"
#include "run/look.h"

namespace cli {
namespace {

run::Limits LimitsOf(const release::Environment& environment) {
  const release::Policy& policy = environment.policy;
  run::Limits limits;
  limits.lock_timeout = policy.lock_timeout;
  limits.lock_retries = policy.lock_retries;
  limits.throttle = environment.throttle;
  limits.concurrent_lock_timeout = policy.index_lock_timeout;
  return limits;
}

std::map<std::string, std::string> DigestsOf(const release::Release& release) {
  std::map<std::string, std::string> digests;
  for (const auto& [name, text] : release.files) digests[name] = "sha256:" + base::Sha256Hex(text);
  return digests;
}

}  // namespace

Work::Work(Context& context)
    : release_(context.release()),
      state_(context.StateDirectory()),
      plan_(rollout::RequirePlan(release_)),
      connection_(context.Connect()),
      journal_(run::OpenJournal(connection_, release_.name, state_)),
      session_{.connect = context.Database(),
               .plan = plan_,
               .journal = journal_,
               .tag_secret = journal::RunSecret(state_),
               .limits = LimitsOf(context.project().environment),
               .rollback_window = release_.rollback_window.value_or(std::chrono::milliseconds(0)),
               .program_version = std::string(base::kVersion),
               .environment = context.project().environment.name,
               .files = DigestsOf(release_),
               .stop = &base::InterruptFlag(),
               .progress = [printer =
                                std::make_shared<ProgressPrinter>(ProgressPrinter::FormFor(context.invocation().json))](
                               const run::Progress& progress) { printer->Tell(progress); }} {
  catalog::RequireTrust(connection_, plan_.tables, plan::AuthorsPath(plan_));
}

journal::Position Work::Position() { return run::WhereItStands(connection_, plan_, journal_); }

}  // namespace cli
