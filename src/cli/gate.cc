#include "gate/gate.h"

#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/context.h"
<<<<<<< HEAD
#include "cli/gather.h"
#include "cli/plan_file.h"
#include "run/look.h"
=======
#include "cli/facts.h"
#include "cli/work.h"
>>>>>>> cli

namespace cli {
namespace {

Outcome Run(const Invocation& invocation) {
  const gate::Phase phase = gate::ParsePhase(invocation.Option("--for"));
  Context context(invocation);
<<<<<<< HEAD
  const release::Release& release = context.release();
  const std::optional<plan::Plan> plan = LoadPlan(release);
  const std::optional<checkpoint::Checkpoint> checkpoint = LoadCheckpointIfThere(context.StateDirectory());
  pg::Connection connection = context.Connect();
  journal::Journal journal = run::OpenJournal(connection, release.name, context.StateDirectory());
  const AskedGate asked = AskGate({.project = context.project(),
                                   .release = release,
                                   .plan = plan ? &*plan : nullptr,
                                   .checkpoint = checkpoint ? &*checkpoint : nullptr,
                                   .journal = journal,
                                   .connection = connection},
                                  phase, invocation.Has("--accept-point-of-no-return"));
  const gate::Verdict& verdict = asked.verdict;
  const std::vector<const gate::Check*> in_the_way = verdict.InTheWay();
  return {.exit = verdict.exit,
          .result = gate::ToJson(verdict),
          .text = gate::Text(verdict),
          .next = in_the_way.empty() ? fmt::format("switchback {} {}", gate::Name(phase), release.name)
                                     : in_the_way.front()->remedy};
=======
  Work work(context);
  const gate::Verdict verdict = Judge(context, work, phase);
  Outcome outcome{.exit = verdict.exit, .result = gate::ToJson(verdict), .text = gate::Text(verdict)};
  if (verdict.decision == gate::Decision::kGo) {
    outcome.next = fmt::format("switchback {} {}", gate::Name(phase), work.release().name);
  } else if (!verdict.InTheWay().empty()) {
    outcome.next = verdict.InTheWay().front()->remedy;
  }
  return outcome;
>>>>>>> cli
}

}  // namespace

Command Gate() {
  return {.name = "gate",
<<<<<<< HEAD
          .summary = "Decide whether a phase may begin: GO, NO_GO or HOLD, with reasons and remedies",
          .arguments = {{.name = "RELEASE", .help = "the release"}},
          .options = {{.name = "--for",
                       .value = "PHASE",
                       .help = "expand, migrate, switch, contract or purge",
                       .fallback = "expand"},
                      {.name = "--accept-point-of-no-return",
                       .help = "accept that the plan has a step without a way back before purge"}},
          .text =
              "The verdict goes into the journal with all that it was made from, so that it can be made again "
              "from an evidence package. Exit codes: 0 GO, 10 NO_GO, 11 HOLD, 12 stale or drifted.",
=======
          .summary = "Decide whether a phase may begin: GO, NO_GO or HOLD",
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .options = {{.name = "--for",
                       .value = "PHASE",
                       .help = "expand, migrate, switch, contract or purge",
                       .fallback = "expand"}},
          .text =
              "Asks release, plan, checkpoint, journal and database, decides from these facts alone, and writes facts "
              "and verdict into\n"
              "the journal. Exit 0 is GO, 10 NO_GO, 11 HOLD, 12 stale evidence. Nothing in the database is changed.",
>>>>>>> cli
          .verb = Run};
}

}  // namespace cli
