#include <fmt/core.h>

#include "base/error.h"
#include "base/time.h"
#include "cli/audit.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/forward.h"
#include "cli/restore.h"
#include "cli/standing.h"
#include "cli/work.h"
#include "recover/undo.h"
#include "run/identity.h"

namespace cli {
namespace {

Outcome Undo(const Invocation& invocation, plan::Phase to) {
  Context context(invocation);
  Work work(context);
  ReadTerminate(invocation, work);
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
  Outcome outcome{.result = {{"way", "undo"},
                             {"steps", undo.steps},
                             {"kept", undo.kept},
                             {"milliseconds", took.count()},
                             {"position", PositionFacts(work.plan(), position)}}};
  outcome.text =
      fmt::format("{}: took {} step{} back in {}; it stands {}", work.release().name, undo.steps,
                  undo.steps == 1 ? "" : "s", base::FormatDuration(took), ShowPosition(work.plan(), position));
  if (!undo.kept.empty()) {
    outcome.text += fmt::format("\n{} row{} left alone, because an application changed them since:", undo.kept.size(),
                                undo.kept.size() == 1 ? " was" : "s were");
    for (const base::Json& row : undo.kept)
      outcome.text += "\n  " + row.dump(-1, ' ', false, base::Json::error_handler_t::replace);
  }
  outcome.next = NextCommand(work.release(), work.plan(), work.journal(), position);
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
  options.push_back(TerminateOption());
  for (Option& option : RestoreOptions()) options.push_back(std::move(option));
  return {.name = "rollback",
          .summary = "Go back: undo steps, newest first, down to a boundary; or restore",
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .options = std::move(options),
          .text =
              "Undo keeps what the applications wrote: schema steps go back in milliseconds, data steps in proportion "
              "to their rows,\n"
              "and a row that an application changed since is left alone and listed.",
          .verb = RunRollback};
}

}  // namespace cli
