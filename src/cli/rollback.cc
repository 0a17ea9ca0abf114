#include <fmt/core.h>

#include "base/error.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/context.h"
#include "cli/forward.h"
#include "cli/restore.h"
#include "rollout/advice.h"
#include "rollout/back.h"

namespace cli {
namespace {

constexpr const char* kForce = "--force";

std::string KeptText(const base::Json& kept) {
  if (kept.empty()) return "";
  std::string text = fmt::format("\n{} row{} left alone, because an application changed them since:", kept.size(),
                                 kept.size() == 1 ? " was" : "s were");
  for (const base::Json& row : kept) text += "\n  " + row.dump(-1, ' ', false, base::Json::error_handler_t::replace);
  return text;
}

Outcome Undo(const Invocation& invocation, plan::Phase to) {
  Context context(invocation);
  Confirm(context, "rollback");
  rollout::OpenRelease open(context.Opening());
  const rollout::BackReport report = rollout::Back(
      open, {.to = to, .force = invocation.Has(kForce), .terminate_blockers_after = TerminateAfter(invocation)});
  const std::size_t steps = report.undo.steps;
  return {.result = {{"way", "undo"},
                     {"steps", steps},
                     {"kept", report.undo.kept},
                     {"not_valid", recover::ToJson(report.unproven)},
                     {"beside", recover::ToJson(report.beside)},
                     {"milliseconds", report.took.count()},
                     {"position", rollout::PositionFacts(open.plan(), report.position)}},
          .text = fmt::format("{}: took {} step{} back in {}; it stands {}", open.release().name, steps,
                              steps == 1 ? "" : "s", base::FormatDuration(report.took),
                              rollout::ShowPosition(open.plan(), report.position)) +
                  KeptText(report.undo.kept) + recover::Text(report.unproven) + recover::Text(report.beside),
          .next = report.next};
}

Outcome RunRollback(const Invocation& invocation) {
  const std::string way = invocation.Option("--way");
  const std::string to = invocation.Option("--to");
  const plan::Phase phase = plan::ParsePhase(to);
  if (way == "undo") return Undo(invocation, phase);
  if (way == "restore") {
    if (phase == plan::Phase::kStart) {
      Context context(invocation);
      Confirm(context, "rollback");
      return RestoreBeside(invocation);
    }
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
  options.push_back(YesOption());
  for (Option& option : RestoreOptions()) options.push_back(std::move(option));
  return {.name = "rollback",
          .summary = "Go back: undo steps, newest first, down to a boundary; or restore",
          .arguments = {{.name = "RELEASE",
                         .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
          .options = std::move(options),
          .text =
              "Undo keeps what the applications wrote: schema steps go back in milliseconds, data steps in proportion "
              "to their rows,\n"
              "and a row that an application changed since is left alone and listed.\n"
              "Stop the new version first where it goes below migrate (or switch): sessions that release.yaml names by "
              "application_name\n"
              "are looked for, and hold it (exit 11).",
          .verb = RunRollback,
          .changes = true};
}

}  // namespace cli
