#include "rollout/pause.h"

#include <fmt/core.h>
#include <pwd.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/context.h"

namespace cli {
namespace {

const std::vector<Argument> kRelease = {
    {.name = "RELEASE", .help = "a release below releases/, a beginning of its name that no other has, or a path"}};

std::string Who() {
  const passwd* account = getpwuid(geteuid());
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return fmt::format("{}@{}", account == nullptr ? std::to_string(geteuid()) : account->pw_name, host);
}

Outcome RunPause(const Invocation& invocation) {
  Context context(invocation);
  const std::string& release = context.release().name;
  pg::Connection connection = context.Connect();
  const bool runs = rollout::Pause(connection, release, Who());
  const std::string what =
      runs ? "it waits after the batches that run now" : "no backfill runs; the next one will wait";
  return {.result = {{"paused", true}, {"runs", runs}},
          .text = fmt::format("backfills of {} are paused: {}", release, what),
          .next = fmt::format("switchback resume {}", release)};
}

Outcome RunResume(const Invocation& invocation) {
  Context context(invocation);
  const std::string& release = context.release().name;
  pg::Connection connection = context.Connect();
  const bool was = rollout::Resume(connection, release);
  return {.result = {{"paused", false}, {"was_paused", was}},
          .text = was ? fmt::format("backfills of {} go on", release) : fmt::format("{} was not paused", release)};
}

}  // namespace

Command Pause() {
  return {.name = "pause",
          .summary = "Make the backfill of a release wait, from another terminal",
          .arguments = kRelease,
          .text =
              "Leaves a row in schema switchback that a running backfill sees within its period (throttle.every): it "
              "waits between two batches,\n"
              "holds no lock meanwhile, and goes on after `switchback resume`. Steps that are no backfill are not "
              "paused. The pause stays when\n"
              "the run ends, and holds for the next one.",
          .verb = RunPause,
          .changes = true};
}

Command Resume() {
  return {.name = "resume",
          .summary = "Let a paused backfill go on",
          .arguments = kRelease,
          .text = "Takes back `switchback pause`. A backfill that waits for a limit of the throttle goes on waiting.",
          .verb = RunResume,
          .changes = true};
}

}  // namespace cli
