#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "backup/provider.h"
#include "base/stop.h"
#include "checkpoint/checkpoint.h"
#include "pg/connection.h"
#include "proof/unseen.h"
#include "stream/drain.h"

namespace recover {

// The name of the folder that the checkpoint's stream is kept in, whatever it was read from.
std::string SpoolOf(const checkpoint::Checkpoint& checkpoint);

struct ArchiveRequest {
  const checkpoint::Checkpoint& checkpoint;
  std::filesystem::path state = {};  // of the release
  backup::BackupProvider& provider;
  std::filesystem::path source_wal = {};              // the old server's pg_wal on this machine; may be empty
  pg::Connection* old_server = nullptr;               // where it answers, it is asked to archive what it has
  std::function<void(const std::string&)> tell = {};  // what it is doing, for people; may be empty
  std::optional<proof::Seen>* seen = nullptr;         // set at the end of what was read; may be null
  base::Stop stop = nullptr;
};

// Reads the stream without the checkpoint's slot, for when the old server is gone or has lost it: a standby is made
// from the backup, parked before the restore point, given a logical slot, and replays the archive while the slot is
// read into the same spool, behind what is there. It reads to the end of the old server's log where that answers, else
// to the end of what the archive (and source_wal) has. What is in the way is a value, not an exception; what was read
// until then is in the spool. The standby is removed; one that a crash left, by the next call. Throws kInterrupted.
stream::Drained DrainArchive(const ArchiveRequest& request);

}  // namespace recover
