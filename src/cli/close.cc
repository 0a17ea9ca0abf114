#include "recover/close.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/forward.h"
#include "cli/work.h"
#include "journal/mirror.h"
#include "rollout/after_restore.h"
#include "rollout/provider.h"
#include "run/identity.h"

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

void CheckDatabase(Work& work) {
  const journal::Event* opened = work.journal().Last("opened");
  if (opened == nullptr) return;
  const run::Identity here = run::ReadIdentity(work.connection());
  if (opened->body.value("system_identifier", "") == here.system_identifier &&
      opened->body.value("database", "") == here.database)
    return;
  throw base::Error(base::Code::kOtherInputs, "the release began on another database");
}

// Ends the hold on the backup of the checkpoint, unless another release's checkpoint rests on it.
void ReleaseBackup(Context& context, Work& work) {
  const auto provider = rollout::ProviderIfAny(context.project().environment, work.state());
  const auto own = checkpoint::Find(work.state());
  if (!provider || !own) return;
  const std::string& id = own->backup_id;
  for (const std::filesystem::path& directory : ReleaseDirectories(context.project())) {
    const std::filesystem::path state = context.project().StateOf(directory.filename().string());
    if (state == work.state()) continue;
    const auto other = checkpoint::Find(state);
    if (!other || other->backup_id != id) continue;
    if (journal::Closed(journal::Journal::Open(state).events()) == nullptr) return;
  }
  for (const backup::Backup& backup : provider->List()) {
    if (backup.id == id) provider->Release(backup);
  }
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

Outcome RunClose(const Invocation& invocation) {
  std::vector<std::string> decided = Decided(invocation);
  Context context(invocation);
  Work work(context);
  CheckDatabase(work);
  const std::string& name = work.release().name;
  if (const auto ending = journal::ReadEnding(work.connection(), name, work.plan().digest)) {
    return {.result = {{"ended", ending->ended}, {"at", ending->at}},
            .text = fmt::format("{}: was closed at {}, {}", name, ending->at, ending->ended)};
  }
  const rollout::AfterRestore after = rollout::ReadAfterRestore(work.journal());
  // Then the applications are where their values are not.
  if (after.cut_over) std::erase(decided, "conflicts");
  const recover::Closing closing =
      recover::LookToClose(work.connection(), work.plan(), work.journal(), decided, after.open);
  Outcome outcome{.result = recover::ToJson(closing)};
  if (invocation.Has("--dry-run")) {
    outcome.exit = closing.open.empty() ? base::Exit::kDone : base::Exit::kNoGo;
    outcome.text =
        fmt::format("{}: {}{}", name, closing.open.empty() ? "can be closed, " + closing.ended : "cannot be closed yet",
                    Shown(closing, true));
    outcome.next = closing.open.empty() ? fmt::format("switchback close {}", name) : closing.open.front().remedy;
    return outcome;
  }
  // First, because it is gone afterwards.
  if (closing.open.empty()) {
    for (const recover::Closing::Left& left : closing.left) base::Info("drops {}", recover::Text(left));
  }
  recover::Close(work.session(), closing, work.state(), [&] { ReleaseBackup(context, work); });
  outcome.text = fmt::format("{}: closed, {}{}", name, closing.ended, Shown(closing, false));
  outcome.next = fmt::format("switchback evidence build {}", name);
  return outcome;
}

}  // namespace

Command Close() {
  return {
      .name = "close",
      .summary = "End a release: one that never began, was taken back, or is complete",
      .arguments = {{.name = "RELEASE", .help = "a release below releases/, the beginning of its name, or a path"}},
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
      .verb = RunClose};
}

}  // namespace cli
