#include "cli/confirm.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"

namespace cli {
namespace {

constexpr const char* kYes = "--yes";
constexpr int kLookForSignalsMs = 200;

// Without blanks around it; at the end of the input what there is.
std::string ReadLine() {
  std::string line;
  for (char c = 0; c != '\n';) {
    // A read goes on after a signal; a poll does not.
    pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const int ready = poll(&in, 1, kLookForSignalsMs);
    base::StopIfInterrupted();
    if (ready <= 0) continue;
    if (read(STDIN_FILENO, &c, 1) != 1) break;
    line += c;
  }
  const std::size_t begin = line.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : line.substr(begin, line.find_last_not_of(" \t\r\n") + 1 - begin);
}

}  // namespace

Option YesOption() { return {.name = kYes, .help = "in a protected environment: do not ask for the release's name"}; }

void Confirm(Context& context, const std::string& what) {
  const Invocation& invocation = context.invocation();
  const release::Environment& environment = context.project().environment;
  if (!environment.guarded || invocation.Has(kYes)) return;
  const std::string& name = context.release().name;
  context.DatabaseIfNamed();
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
    throw base::Error(base::Code::kNotConfirmed,
                      fmt::format("the environment {} is protected, and there is no terminal to confirm {} on",
                                  environment.name, what))
        .Hint("Give --yes where that is meant.");
  }
  TellHeading(invocation);
  base::Warn("{} is protected; to go on with {}, type the name of the release:", environment.name, what);
  const std::string typed = ReadLine();
  if (typed == name) return;
  throw base::Error(base::Code::kNotConfirmed, fmt::format("\"{}\" was typed, and the release is {}", typed, name))
      .Hint("Nothing was done. Run it again where it is this release that is meant.");
}

}  // namespace cli
