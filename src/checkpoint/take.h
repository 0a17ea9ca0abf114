#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "backup/provider.h"
#include "base/stop.h"
#include "checkpoint/checkpoint.h"
#include "journal/journal.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "release/project.h"

namespace checkpoint {

struct Options {
  std::string conninfo;  // the primary, directly
  std::string environment;
  std::string line = {};        // backup::Line::restored of that server
  std::filesystem::path state;  // of this release in this environment
  release::Policy policy;
  std::shared_ptr<pg::LockBudget> lock_budget = nullptr;  // as in pg::ConnectOptions
  base::Stop stop = nullptr;                              // likewise
  bool content_hash = false;  // cut exactly and keep counts and hashes of the release's tables
  bool prove = false;         // restore it into a temporary server, compare, measure, remove
  std::chrono::milliseconds backup_deadline = std::chrono::hours(6);
  std::chrono::milliseconds slot_deadline = std::chrono::seconds(30);
  std::chrono::milliseconds archive_deadline = std::chrono::seconds(60);
  // Does what it is given while nobody else can take the release over, or throws. Empty: nobody else is there.
  std::function<void(const std::function<void()>&)> alone = {};
};

// Takes a checkpoint: base backup (a recent one of the same server and timeline is used again), publications, logical
// slot, restore point, and a wait until the point's WAL is archived; only then `checkpoint` goes into the journal,
// which puts the new checkpoint.json in force (see Replace); with `prove`, then the same with `proven`. What the server
// or the role does not allow is left out and named in abilities_off; what a restore cannot do without throws: codes of
// backup::BackupProvider, kLockTimeout (the tables could not be locked for an exact cut), kSlotDeadline, kNotPrimary,
// kProofFailed. A new checkpoint replaces the one before: that one's slot is dropped when the new one stands. A failure
// removes what this attempt made on the server; a crash before the line leaves the old checkpoint, one behind it the
// new one, and maybe a slot and a restored copy that the next one removes.
//
// To be called by who holds the release's lease, and while no step of the release stands: it would come back with a
// restore.
Checkpoint Take(const plan::Plan& plan, const Options& options, backup::BackupProvider& provider,
                journal::Journal& journal);

}  // namespace checkpoint
