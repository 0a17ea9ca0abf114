#include "gate/gate.h"

#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "rollout/facts.h"

namespace cli {
namespace {

Outcome RunGate(const Invocation& invocation) {
  const gate::Phase phase = gate::ParsePhase(invocation.Option("--for"));
  Context context(invocation);
  rollout::OpenRelease open(context.Opening());
  const gate::Verdict verdict = rollout::Judge(open, phase);
  Outcome outcome{.exit = verdict.exit, .result = gate::ToJson(verdict), .text = gate::Text(verdict)};
  if (verdict.decision == gate::Decision::kGo) {
    outcome.next = fmt::format("switchback {} {}", gate::Name(phase), open.release().name);
  } else if (!verdict.InTheWay().empty()) {
    outcome.next = verdict.InTheWay().front()->remedy;
  }
  return outcome;
}

}  // namespace

Command Gate() {
  return {
      .name = "gate",
      .summary = "Decide whether a phase may begin: GO, NO_GO or HOLD",
      .arguments = {{.name = "RELEASE",
                     .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
      .options = {{.name = "--for",
                   .value = "PHASE",
                   .help = "expand, migrate, switch, contract or purge",
                   .fallback = "expand"}},
      .text =
          "Asks release, plan, checkpoint, journal and database, decides from these facts alone, and writes facts "
          "and verdict into\n"
          "the journal. Says what a restore would leave behind now, for which it reads the stream on; no row in the "
          "database is\n"
          "changed. Exit 0 is GO, 10 NO_GO, 11 HOLD, 12 stale evidence.",
      .verb = RunGate};
}

}  // namespace cli
