#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/audit.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/forward.h"
#include "cli/restore.h"
#include "cli/work.h"
#include "recover/undo.h"
#include "recover/unproven.h"
#include "recover/versions.h"
#include "rollout/advice.h"
#include "run/identity.h"

namespace cli {
namespace {

constexpr const char* kForce = "--force";

// Below the phase after which the new version may be deployed, what only that one uses goes. Whether it is gone is for
// people to see to, and is asked where release.yaml says how its sessions are known. Whoever goes on all the same loses
// no write: in one transaction a column stops being kept in step and loses its name.
void SeeNewVersionGone(const Invocation& invocation, Work& work, plan::Phase to) {
  const std::size_t deployable = work.plan().EndOf(plan::Phase::kSwitch);
  const std::size_t from = work.Position().BackFrom();
  const std::size_t target = work.plan().EndOf(to);
  if (target >= deployable || from <= target) return;
  const std::string versions = recover::NewVersions(work.release());
  const std::vector<recover::VersionSeen> seen = recover::NewVersionsSeen(work.connection(), work.release());
  if (seen.empty()) {
    if (!recover::NewVersionsNamed(work.release())) {
      base::Info("{} must be gone before this; release.yaml gives no application_name by which its sessions are seen",
                 versions);
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
  if (!invocation.Has(kForce)) {
    throw base::Error(base::Code::kVersionConnected,
                      fmt::format("{} must be gone before {} goes back to {}, and is connected", versions,
                                  work.release().name, to == plan::Phase::kStart ? "the start" : Name(to)))
        .Detail(detail)
        .TargetChanged(base::Changed::kNo);
  }
  work.journal().Append("forced", {{"to", Name(to)}, {"sessions", sessions}});
  base::Warn("forced: {} is connected, and what only it uses becomes unwritable under it", versions);
}

Outcome Undo(const Invocation& invocation, plan::Phase to) {
  Context context(invocation);
  Work work(context);
  ReadTerminate(invocation, work);
  SeeNewVersionGone(invocation, work, to);
  run::EnterRelease(work.connection(), work.session());
  const base::Time began = base::Now();
  bool wrote = false;
  work.session().after_step = [&](const plan::Step& step, journal::Direction) {
    wrote = wrote || step.data || step.kind == plan::StepKind::kOpaque;
  };
  const recover::Undo undo = recover::UndoTo(work.session(), to);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(base::Now() - began);
  if (wrote) Auditor(work).Look();  // not in between: nothing holds a way back up
  const journal::Position position = work.Position();
  const std::vector<recover::Unproven> unproven = recover::ReadUnproven(work.connection(), work.plan());
  Outcome outcome{.result = {{"way", "undo"},
                             {"steps", undo.steps},
                             {"kept", undo.kept},
                             {"not_valid", recover::ToJson(unproven)},
                             {"milliseconds", took.count()},
                             {"position", rollout::PositionFacts(work.plan(), position)}}};
  outcome.text =
      fmt::format("{}: took {} step{} back in {}; it stands {}", work.release().name, undo.steps,
                  undo.steps == 1 ? "" : "s", base::FormatDuration(took), rollout::ShowPosition(work.plan(), position));
  if (!undo.kept.empty()) {
    outcome.text += fmt::format("\n{} row{} left alone, because an application changed them since:", undo.kept.size(),
                                undo.kept.size() == 1 ? " was" : "s were");
    for (const base::Json& row : undo.kept)
      outcome.text += "\n  " + row.dump(-1, ' ', false, base::Json::error_handler_t::replace);
  }
  outcome.text += recover::Text(unproven);
  outcome.next = rollout::Advice(work.release(), work.plan(), work.journal(), position);
  return outcome;
}

Outcome RunRollback(const Invocation& invocation) {
  const std::string way = invocation.Option("--way");
  const std::string to = invocation.Option("--to");
  const plan::Phase phase = plan::ParsePhase(to);
  if (way == "undo") return Undo(invocation, phase);
  if (way == "restore") {
    if (phase == plan::Phase::kStart) return RestoreBeside(invocation);
    throw base::Error(base::Code::kUsage, fmt::format("a restore goes back to the checkpoint, and not to {}", to))
        .Hint("Leave --to out, or give --way undo.");
  }
  if (way == "flag" || way == "code")
    throw base::Error(base::Code::kWayNotConfigured, fmt::format("the way back \"{}\" is not configured", way));
  throw base::Error(base::Code::kUsage, fmt::format("there is no way back called \"{}\"", way))
      .Hint("Give --way undo or --way restore.");
}

}  // namespace

Command Rollback() {
  std::vector<Option> options = {{.name = "--to",
                                  .value = "PHASE",
                                  .help = "the state after this phase: start, expand, migrate, switch or contract",
                                  .fallback = "start"},
                                 {.name = "--way",
                                  .value = "WAY",
                                  .help = "undo, or restore: a new server from the checkpoint, as `switchback restore`",
                                  .fallback = "undo"}};
  options.push_back({.name = kForce,
                     .help = "go on though sessions of the new version are connected: what only it uses becomes "
                             "unwritable under it; kept in the journal"});
  options.push_back(TerminateOption());
  for (Option& option : RestoreOptions()) options.push_back(std::move(option));
  return {.name = "rollback",
          .summary = "Go back: undo steps, newest first, down to a boundary; or restore",
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .options = std::move(options),
          .text =
              "Undo keeps what the applications wrote: schema steps go back in milliseconds, data steps in proportion "
              "to their rows,\n"
              "and a row that an application changed since is left alone and listed.\n"
              "Stop the new version first where it goes below migrate (or switch): sessions that release.yaml names by "
              "application_name\n"
              "are looked for, and hold it (exit 11).",
          .verb = RunRollback};
}

}  // namespace cli
