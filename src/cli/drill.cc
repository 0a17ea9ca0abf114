#include "drill/drill.h"

#include "base/time.h"
#include "cli/commands.h"

namespace cli {
namespace {

Outcome RunDrill(const Invocation& invocation) {
  drill::DrillOptions options{.keep = invocation.Has("--keep"), .evidence = invocation.Option("--evidence")};
  if (const std::string load = invocation.Option("--load"); !load.empty()) options.load = base::ParseDuration(load);
  const base::Json result = drill::RunDrill(options);
  return {.exit = result.at("held") ? base::Exit::kDone : base::Exit::kUnverified,
          .result = result,
          .text = drill::RenderDrill(result)};
}

}  // namespace

Command Drill() {
  return {.name = "drill",
          .summary = "Play the whole incident on servers of its own, in four acts",
          .options = {{.name = "--keep", .help = "leave the workspace with servers' data, repositories and ledgers"},
                      {.name = "--evidence",
                       .value = "DIR",
                       .help = "where the evidence packages are left; default: a new directory for temporary files"},
                      {.name = "--load",
                       .value = "DURATION",
                       .help = "how long both versions write before the damage of act four is noticed (default 8s)"}},
          .text =
              "Without switchback; as a release that is undone; damage that is found late, and restored; the same with "
              "salvage.\n\n"
              "Needs no database: it starts servers from the PostgreSQL programs of this machine, and removes them at "
              "its end. A small shop in two versions works on them all the time and keeps a ledger of what was "
              "acknowledged. Ends with 0 only if every claim that it makes was checked in this very run and held.",
          .verb = RunDrill,
          .anywhere = true};
}

}  // namespace cli
