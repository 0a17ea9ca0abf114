#include "rollout/close.h"

#include <fmt/core.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "rollout/after_restore.h"
#include "rollout/provider.h"
#include "run/identity.h"

namespace rollout {
namespace {

void CheckDatabase(OpenRelease& open) {
  const journal::Event* opened = open.journal().Last("opened");
  if (opened == nullptr) return;
  const run::Identity here = run::ReadIdentity(open.connection());
  if (opened->body.value("system_identifier", "") == here.system_identifier &&
      opened->body.value("database", "") == here.database)
    return;
  throw base::Error(base::Code::kOtherInputs, "the release began on another database");
}

// Ends the hold on the backup of the checkpoint, unless another release's checkpoint rests on it.
void ReleaseBackup(OpenRelease& open) {
  const auto provider = ProviderIfAny(open.environment(), open.state());
  const auto own = checkpoint::Find(open.state());
  if (!provider || !own) return;
  const std::string& id = own->backup_id;
  for (const std::filesystem::path& directory : release::ReleaseDirectories(open.project())) {
    const std::filesystem::path state = open.project().StateOf(directory.filename().string());
    if (state == open.state()) continue;
    const auto other = checkpoint::Find(state);
    if (!other || other->backup_id != id) continue;
    if (journal::Closed(journal::Journal::Open(state).events()) == nullptr) return;
  }
  for (const backup::Backup& backup : provider->List()) {
    if (backup.id == id) provider->Release(backup);
  }
}

}  // namespace

CloseReport Close(OpenRelease& open, const CloseOptions& options) {
  CheckDatabase(open);
  CloseReport report{.before = journal::ReadEnding(open.connection(), open.release().name, open.plan().digest)};
  if (report.before) return report;
  const AfterRestore after = ReadAfterRestore(open.journal());
  std::vector<std::string> decided = options.decided;
  // Then the applications are where their values are not.
  if (after.cut_over) std::erase(decided, "conflicts");
  report.closing = recover::LookToClose(open.connection(), open.plan(), open.journal(), decided, after.open);
  if (options.dry_run) return report;
  // First, because it is gone afterwards.
  if (report.closing.open.empty()) {
    for (const recover::Closing::Left& left : report.closing.left) open.Inform("drops " + recover::Text(left));
  }
  recover::Close(open.session(), report.closing, open.state(), [&] { ReleaseBackup(open); });
  return report;
}

}  // namespace rollout
