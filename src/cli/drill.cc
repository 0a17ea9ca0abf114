#include "drill/drill.h"

#include "cli/commands.h"

namespace cli {
namespace {

Outcome RunDrill(const Invocation& invocation) {
  const base::Json result =
      drill::RunDrill({.keep = invocation.Has("--keep"), .evidence = invocation.Option("--evidence")});
  return {.exit = result.at("held") ? base::Exit::kDone : base::Exit::kUnverified,
          .result = result,
          .text = drill::RenderDrill(result)};
}

}  // namespace

Command Drill() {
  return {.name = "drill",
          .summary = "Play the whole incident on servers of its own: without switchback, as a release, and by restore",
          .options = {{.name = "--keep", .help = "leave the workspace with servers' data, repositories and ledgers"},
                      {.name = "--evidence",
                       .value = "DIR",
                       .help = "where the evidence packages are left; default: a new directory for temporary files"}},
          .text =
              "Needs no database: it starts servers from the PostgreSQL programs of this machine, and removes them at "
              "its end. A small shop in two versions works on them all the time and keeps a ledger of what was "
              "acknowledged. Ends with 0 only if every claim that it makes was checked in this very run and held.",
          .verb = RunDrill};
}

}  // namespace cli
