#include "rollout/back.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/time.h"
#include "recover/versions.h"
#include "rollout/advice.h"
#include "rollout/after_step.h"
#include "rollout/audit.h"
#include "run/identity.h"

namespace rollout {
namespace {

// Below the phase after which the new version may be deployed, what only that one uses goes. Whether it is gone is for
// people to see to, and is asked where release.yaml says how its sessions are known. Whoever goes on all the same loses
// no write: in one transaction a column stops being kept in step and loses its name.
void SeeNewVersionGone(OpenRelease& open, const BackOptions& options) {
  const std::size_t deployable = open.plan().EndOf(plan::Phase::kSwitch);
  const std::size_t from = open.Position().BackFrom();
  const std::size_t target = open.plan().EndOf(options.to);
  if (target >= deployable || from <= target) return;
  const std::string versions = recover::NewVersions(open.release());
  const std::vector<recover::VersionSeen> seen = recover::NewVersionsSeen(open.connection(), open.release());
  if (seen.empty()) {
    if (!recover::NewVersionsNamed(open.release())) {
      open.Inform(fmt::format(
          "{} must be gone before this; release.yaml gives no application_name by which its sessions are seen",
          versions));
    }
    return;
  }
  std::string detail;
  base::Json sessions = base::Json::array();
  for (const recover::VersionSeen& each : seen) {
    detail += (detail.empty() ? "" : "\n") + each.Text();
    sessions.push_back({{"application", each.application},
                        {"version", each.version},
                        {"application_name", each.name},
                        {"sessions", each.sessions}});
  }
  if (!options.force) {
    throw base::Error(
        base::Code::kVersionConnected,
        fmt::format("{} must be gone before {} goes back to {}, and is connected", versions, open.release().name,
                    options.to == plan::Phase::kStart ? "the start" : Name(options.to)))
        .Detail(detail)
        .TargetChanged(base::Changed::kNo);
  }
  open.journal().Append("forced", {{"to", Name(options.to)}, {"sessions", sessions}});
  open.Warn(fmt::format("forced: {} is connected, and what only it uses becomes unwritable under it", versions));
}

}  // namespace

BackReport Back(OpenRelease& open, const BackOptions& options) {
  open.session().verdict_digest.clear();
  open.session().limits.terminate_blockers_after = options.terminate_blockers_after;
  SeeNewVersionGone(open, options);
  run::EnterRelease(open.connection(), open.session());
  std::vector<recover::Beside> beside;
  if (options.to == plan::Phase::kStart) {
    beside = recover::ReadBeside(open.connection(), open.plan(), open.Position().BackFrom());
  }
  const base::Time began = base::Now();
  bool wrote = false;
  const AfterStep after_step(
      open, [&](const plan::Step& step) { wrote = wrote || step.data || step.kind == plan::StepKind::kOpaque; });
  BackReport report{.undo = recover::UndoTo(open.session(), options.to)};
  report.beside = std::move(beside);
  report.took = std::chrono::duration_cast<std::chrono::milliseconds>(base::Now() - began);
  if (wrote) Auditor(open).Look();  // not in between: nothing holds a way back up
  report.position = open.Position();
  report.unproven = recover::ReadUnproven(open.connection(), open.plan());
  report.next = Advice(open.release(), open.plan(), open.journal(), report.position);
  return report;
}

}  // namespace rollout
