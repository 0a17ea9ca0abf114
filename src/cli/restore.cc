#include "cli/restore.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/provider.h"
#include "recover/restore.h"

namespace cli {
namespace {

std::string Show(const recover::RestoreReport& report) {
  const base::Json verification = checkpoint::ToJson(report.verification);
  std::string text =
      fmt::format("restored to {} in {}\n  server: {}\n  stop it: {}\n  schema: {}\n  contents: {}",
                  report.restored.reached.Text(), base::FormatDuration(report.took), pg::Redacted(report.restored.url),
                  report.restored.stop, verification.value("schema", ""), verification.value("contents", ""));
  if (report.left_behind) {
    text += fmt::format("\n  left behind: {} transactions of applications, {} of the release",
                        report.left_behind->applications, report.left_behind->own);
  } else {
    text += "\n  left behind: not counted";
  }
  if (!report.left_behind_note.empty()) text += fmt::format("\n  {}", report.left_behind_note);
  return text;
}

// A restore needs no old server: without a name it is not asked.
std::optional<std::string> OldServer(Context& context) {
  try {
    return context.Database().conninfo;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kNoDatabase) throw;
    return std::nullopt;
  }
}

}  // namespace

std::vector<Option> RestoreOptions() {
  return {{.name = "--directory",
           .value = "DIR",
           .help = "of the new server; must not exist (default: where switchback.yaml says)"},
          {.name = "--source-wal",
           .value = "DIR",
           .help = "the old server's pg_wal, to count what is left behind where that server is down"}};
}

Outcome RestoreBeside(const Invocation& invocation) {
  Context context(invocation);
  // Not the mirror: the old server may be down, which is what a restore is for.
  journal::Journal journal = journal::Journal::Open(context.StateDirectory());
  const auto provider = MakeProvider(context.project().environment);
  const std::string directory = invocation.Option("--directory");
  const recover::RestoreReport report =
      recover::Restore({.conninfo = OldServer(context),
                        .state = context.StateDirectory(),
                        .directory = directory.empty() ? NewServerDirectory(context.project().environment)
                                                       : std::filesystem::absolute(directory).lexically_normal(),
                        .source_wal = invocation.Option("--source-wal"),
                        .tell = [](const std::string& text) { base::Info("{}", text); }},
                       *provider, journal);
  return {.result = recover::ToJson(report),
          .text = Show(report),
          .next = "look at the new server; move the applications to it, with the code of that time, or stop it"};
}

Command Restore() {
  return {.name = "restore",
          .summary = "Make a new server from the checkpoint, beside the old one",
          .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
          .options = RestoreOptions(),
          .text =
              "Recovers exactly to the restore point, compares the result with what the checkpoint knows, and counts "
              "the transactions\n"
              "that it leaves behind. The old server is not changed, and the new one is left running.",
          .verb = RestoreBeside};
}

}  // namespace cli
