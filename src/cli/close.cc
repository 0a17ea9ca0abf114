#include "rollout/close.h"

#include <fmt/core.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace cli {
namespace {

constexpr const char* kDecide = "--decide";

// CAUSE=application: the rows stay as the applications have them.
std::vector<std::string> Decided(const Invocation& invocation) {
  std::vector<std::string> causes;
  for (const std::string& decision : invocation.Options(kDecide)) {
    const std::size_t equals = decision.find('=');
    const std::string cause = decision.substr(0, equals);
    if (equals == std::string::npos || decision.substr(equals + 1) != "application" ||
        (cause != "kept" && cause != "unconverted" && cause != "conflicts")) {
      throw base::Error(base::Code::kUsage, fmt::format("--decide {} is no decision", decision))
          .Hint("There are --decide kept=application, unconverted=application and conflicts=application.");
    }
    causes.push_back(cause);
  }
  return causes;
}

std::string Shown(const recover::Closing& closing, bool dry) {
  std::string text;
  for (const recover::Closing::Left& left : closing.left) {
    text += fmt::format("\n  {} {}", dry ? "would drop" : "dropped", recover::Text(left));
  }
  if (closing.stream) text += fmt::format("\n  {} slot and publications", dry ? "would drop" : "dropped");
  for (const recover::Closing::Open& open : closing.open) {
    text += fmt::format("\n  open: {}\n    {}", open.text, open.remedy);
  }
  return text;
}

Outcome WouldClose(const std::string& name, const recover::Closing& closing) {
  const bool can = closing.open.empty();
  return {.exit = can ? base::Exit::kDone : base::Exit::kNoGo,
          .result = recover::ToJson(closing),
          .text = fmt::format("{}: {}{}", name, can ? "can be closed, " + closing.ended : "cannot be closed yet",
                              Shown(closing, true)),
          .next = can ? fmt::format("switchback close {}", name) : closing.open.front().remedy};
}

Outcome RunClose(const Invocation& invocation) {
  const rollout::CloseOptions options{.decided = Decided(invocation), .dry_run = invocation.Has("--dry-run")};
  Context context(invocation);
  rollout::OpenRelease open(context.Opening());
  const std::string& name = open.release().name;
  const auto [before, closing] = rollout::Close(open, options);
  if (before) {
    return {.result = {{"ended", before->ended}, {"at", before->at}},
            .text = fmt::format("{}: was closed at {}, {}", name, before->at, before->ended)};
  }
  if (options.dry_run) return WouldClose(name, closing);
  return {.result = recover::ToJson(closing),
          .text = fmt::format("{}: closed, {}{}", name, closing.ended, Shown(closing, false)),
          .next = fmt::format("switchback evidence build {}", name)};
}

}  // namespace

Command Close() {
  return {
      .name = "close",
      .summary = "End a release: one that never began, was taken back, or is complete",
      .arguments = {{.name = "RELEASE",
                     .help = "a release below releases/, a beginning of its name that no other has, or a path"}},
      .options = {{.name = "--dry-run", .help = "say what would be dropped, and what is open"},
                  {.name = kDecide,
                   .value = "CAUSE=application",
                   .help = "leave rows as the applications have them: of the cause kept (a way back left them alone), "
                           "unconverted, or conflicts (of a salvage beside this server)",
                   .many = true}},
      .text =
          "Drops what the way back retired (says before what of it is nowhere else), the slot, the publications and "
          "the\n"
          "hold on the backup. The same plan does not run again; a corrected change.sql is another plan. What "
          "contract\n"
          "retired is purge's. Exit 10: something is open, and what to do about it.",
      .verb = RunClose,
      .changes = true};
}

}  // namespace cli
