#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "backup/recovery.h"

namespace backup {

// A hot standby on a copy of a backup, which replays the archive one segment after the other, as it is told to, and is
// never promoted. So a logical slot can be made on it at a place of the log that is long past, and read while the
// replay goes on. Destroying it stops it and removes its directory; a crash leaves both to sandbox::RemoveAbandoned.
class Follower {
 public:
  // Restores the job's backup, and returns when all that the archive has before the segment of the job's point was
  // replayed, and connections are taken. Segments that the archive does not have are looked for in `source_wal`, the
  // source's pg_wal on this machine; may be empty. Throws what MakeCopy throws, kRestoreFailed, kInterrupted.
  static std::unique_ptr<Follower> Start(RecoveryJob job, const std::filesystem::path& source_wal);
  Follower(const Follower&) = delete;
  ~Follower();

  [[nodiscard]] std::string Url() const;
  // Replays one segment more, or less where the replay waits for a reader: who reads from a slot reads on up to there
  // before the next call. Returns up to where all was replayed; nothing: there is no more. Throws kRestoreFailed where
  // the server ended or its slot cannot stay, kInterrupted.
  std::optional<Lsn> Next();

 private:
  struct State;
  explicit Follower(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace backup
