#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/reference.h"
#include "cli/spelling.h"
#include "main/parse.h"
#include "main/render.h"

namespace {

// What is written to stdout is the result: when it did not arrive, the command did not succeed.
bool Print(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

// Where stderr takes nothing, the exit code is all that is left to say.
void Complain(const std::string& text) { std::fputs((base::Printable(text) + "\n").c_str(), stderr); }

int PrintError(const parse::CommandLine& line, const cli::Spelling& spelling, const base::Error& error) {
  const cli::Invocation& invocation = line.invocation;
  const std::string command = line.command == nullptr ? "" : line.command->name;
  base::Exit exit = error.exit();
  if (error.code() == base::Code::kInterrupted) exit = base::InterruptExit();
  if (invocation.json) {
    Print(render::Text(render::Envelope(command, invocation, error, exit, spelling)));
  } else {
    const std::string heading = invocation.scope->told ? "" : invocation.scope->Heading();
    Complain((heading.empty() ? "" : heading + "\n") + spelling.Text(error.Text()));
  }
  return static_cast<int>(exit);
}

int RunCommand(const parse::CommandLine& line, cli::Spelling& spelling) {
  cli::RefusePassword(line.invocation);
  spelling = cli::Spelling(line.invocation);
  base::SetLogSpelling([&spelling](std::string_view text) { return spelling.Text(text); });
  const cli::Outcome outcome = line.command->verb(line.invocation);
  const bool printed = Print(
      line.invocation.json ? render::Text(render::Envelope(line.command->name, line.invocation, outcome, spelling))
                           : render::Text(line.invocation, outcome, spelling));
  if (!printed) {
    Complain("switchback: the output could not be written");
    return static_cast<int>(outcome.exit == base::Exit::kDone ? base::Exit::kTransient : outcome.exit);
  }
  return static_cast<int>(outcome.exit);
}

int ShowHelp(const parse::CommandLine& line, bool asked_for) {
  const std::string text = line.command == nullptr ? cli::HelpText() : cli::HelpText(*line.command);
  Print(text + "\n");
  return static_cast<int>(asked_for ? base::Exit::kDone : base::Exit::kUsage);
}

int Main(const std::vector<std::string>& words) {
  parse::CommandLine line;
  cli::Spelling spelling;
  line.invocation.json = parse::WantsJson(words);
  try {
    line = parse::Parse(words);
    base::SetLogLevel(line.log_level);
    if (line.asked == parse::CommandLine::Asked::kHelp) return ShowHelp(line, !words.empty());
    if (line.asked == parse::CommandLine::Asked::kVersion) {
      Print(fmt::format("switchback {}\n", base::kVersion));
      return 0;
    }
    return RunCommand(line, spelling);
  } catch (const base::Error& error) {
    return PrintError(line, spelling, error);
  } catch (const base::Json::exception& error) {
    // Files are checked where they are read; what is left has the shape of a file, and a member of another type.
    return PrintError(line, spelling,
                      base::Error(base::Code::kBadJson, "a file of the release has another shape than its format says")
                          .Detail(error.what())
                          .TargetChanged(base::Changed::kUnknown));
  } catch (const std::exception& error) {
    base::Error internal(base::Code::kInternal, "something failed that should not");
    internal.Detail(error.what()).TargetChanged(base::Changed::kUnknown);
    return PrintError(line, spelling, internal);
  }
}

}  // namespace

int main(int argc, char** argv) {
  base::CatchInterrupts();
  return Main(std::vector<std::string>(argv + 1, argv + argc));
}
