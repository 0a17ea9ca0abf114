#include "rollout/uninstall.h"

#include <fmt/core.h>

#include "cli/commands.h"
#include "cli/context.h"

namespace cli {
namespace {

Outcome RunUninstall(const Invocation& invocation) {
  Context context(invocation);
  pg::Connection connection = context.Connect();
  const bool dry_run = invocation.Has("--dry-run");
  const auto [there, journals] = rollout::Uninstall(context.project(), connection, dry_run);
  if (!there) return {.text = "schema switchback is not there"};
  Outcome outcome{.result = {{"open", base::Json::array()}, {"dropped", !dry_run}}};
  if (dry_run) {
    outcome.text = "nothing is open: schema switchback would be dropped, and its journals kept in files here";
    outcome.next = "switchback uninstall";
  } else {
    outcome.text = fmt::format("schema switchback is dropped; the journals of {} releases are in {}", journals,
                               context.project().StateOf("").parent_path().string());
  }
  return outcome;
}

}  // namespace

Command Uninstall() {
  return {.name = "uninstall",
          .summary = "Drop schema switchback from the database, where nothing is open",
          .options = {{.name = "--dry-run", .help = "say what is open"}},
          .text =
              "Refused while a release is not closed, a slot or a retired table is left, or a fence stands. Journals\n"
              "that are only in the database are written into files first. Nothing of the applications is touched.",
          .verb = RunUninstall,
          .changes = true};
}

}  // namespace cli
