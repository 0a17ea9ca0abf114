#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup/found_command.h"
#include "backup/wal.h"
#include "base/error.h"
#include "base/json.h"
#include "base/stop.h"
#include "base/time.h"
#include "pg/connection.h"

// What makes backups, keeps the archive of the write-ahead log, and restores: local folders here, other people's tools
// and operators behind the same few calls. Nothing here assumes that a backup or a restored server lies on this
// machine.
namespace backup {

struct Backup {
  std::string id;
  std::string system_identifier;
  std::uint32_t timeline = 0;
  Lsn start;  // replay begins here
  Lsn end;    // consistent from here on: a point must lie after it
  std::uint64_t segment_bytes = 16 << 20;
  int server_major = 0;
  base::Time taken;  // when it was complete
  std::int64_t bytes = 0;
  std::chrono::milliseconds took{0};
};
base::Json ToJson(const Backup& backup);
// Throws kBadJson.
Backup BackupFromJson(const base::Json& json);

// Where a restore ends. Everything before `lsn` is in, nothing from it on.
struct Point {
  std::string name;  // of the restore point; empty: there is none, `lsn` alone decides
  Lsn lsn;
  std::uint32_t timeline = 0;
  std::string system_identifier;
  std::string restored = {};  // Line::restored of the server, which says where its log and backups are
};

// The newest backup of the same server and timeline that ends before the point. Throws kNoBackupForPoint with the
// reason each one was passed over.
const Backup& ChooseBackup(const std::vector<Backup>& backups, const Point& point);

struct Problem {
  std::string text;
  std::string remedy;
};
struct Setting {
  std::string name;
  std::string current;
  std::string wanted;
  bool restart = false;  // takes effect only after the server was restarted
};
// What stands in the way of backups, and the server settings that this provider wants. No problem: ready.
struct Readiness {
  std::vector<Problem> problems;
  std::vector<Setting> settings;           // only those that differ; archive_command as if none were there
  std::optional<FoundCommand> found = {};  // one that is there, and does not archive to where it should
};

struct RestoreRequest {
  Point point;
  std::filesystem::path directory;    // of the new server, where the provider makes one; must not exist
  std::string database = "postgres";  // that the url names, with the role: both are there at the point
  std::string role = "postgres";
  bool throwaway = false;  // durability is switched off: never for a server that may be cut over to
  std::chrono::milliseconds deadline = std::chrono::hours(12);
  base::Stop stop = nullptr;  // of Follow
};

// A server that was restored, promoted, and checked to have ended exactly at the point. It is left running. Its
// directory is claimed by this process (sandbox::Claim) until who asked for it releases or discards it: a crash before
// that leaves it to sandbox::RemoveAbandoned.
struct Restored {
  std::string url;
  std::string backup_id;
  Lsn reached;                           // where its history leaves the source's
  std::uint32_t timeline = 0;            // its own, new one
  std::chrono::milliseconds copy{0};     // bringing the backup to its place
  std::chrono::milliseconds recover{0};  // from starting the server until it took connections
  std::optional<std::filesystem::path> directory;
  std::string stop;  // a command line that stops it
};

struct Progress {
  enum class State { kRunning, kDone, kFailed };
  State state = State::kRunning;
  std::string text;                  // what it is doing, for people
  std::optional<Restored> restored;  // kDone
  std::optional<base::Error> error;  // kFailed
};

// A restore under way. Destroying it waits for its end.
class Restoration {
 public:
  virtual ~Restoration() = default;
  virtual Progress Poll() = 0;
};

// Polls until it is done; throws its error where it failed. `tell` gets each new text.
Restored Await(Restoration& restoration, const std::function<void(const std::string&)>& tell = {});

class Follower;

// Brings an archived file (a segment) to the path `to`, by a link where it is a plain file of this machine. False: the
// archive does not have it. Throws kRepositoryUnusable.
using SegmentSource = std::function<bool(const std::string& segment, const std::filesystem::path& to)>;

class BackupProvider {
 public:
  virtual ~BackupProvider() = default;
  [[nodiscard]] virtual std::string Name() const = 0;

  // Makes what the server archives into, before its archive command is switched on. Idempotent. Throws
  // kRepositoryUnusable, kRepositoryOfAnother.
  virtual void PrepareArchive(pg::Connection& /*source*/) {}
  // Looks only; changes nothing.
  virtual Readiness Check(pg::Connection& source) = 0;
  // A base backup that needs no other, or only such as the tool keeps with it; verified before it counts. Returns when
  // it and the WAL that it needs are in the archive. Throws kArchiveOff, kArchiveStuck, kBackupFailed, kNoSpace,
  // kBackupCorrupt. A failure or crash leaves no backup that List shows.
  virtual Backup Take(pg::Connection& source, std::chrono::milliseconds deadline) = 0;
  // Complete backups, oldest first.
  virtual std::vector<Backup> List() = 0;
  // Checks a backup's files against its manifest; throws kBackupCorrupt.
  virtual void Verify(const Backup& backup) = 0;
  // Keeps the tool's own retention from removing the backup and the WAL that follows it, where the tool can do that;
  // where it cannot, CheckRestorable finds out. Release ends it.
  virtual void Keep(const Backup& /*backup*/) {}
  // Ends what Keep began, where nobody needs the backup any more; what cannot be ended is said.
  virtual void Release(const Backup& /*backup*/) {}
  // Returns when the segment is in the archive. Throws kArchiveOff, kArchiveStuck (with the archiver's last failure),
  // kArchiveElsewhere.
  virtual void AwaitArchived(pg::Connection& source, const std::string& segment,
                             std::chrono::milliseconds deadline) = 0;
  // That a restore to the point could begin: a backup that can serve it, all WAL from there to the point, and the point
  // itself. Throws kNoBackupForPoint, kPointNotArchived, kArchiveGap, kPointUnknown.
  virtual void CheckRestorable(const Point& point) = 0;
  // Begins to make a new server that ends exactly at the point. What cannot end well is refused before anything is
  // started: kNoBackupForPoint, kPointNotArchived, kArchiveGap, kPointUnknown, kDirectoryExists. Later failures come
  // through Poll.
  virtual std::unique_ptr<Restoration> StartRestore(const RestoreRequest& request) = 0;
  // Whether Follow serves.
  [[nodiscard]] virtual bool Follows() const { return false; }
  // A hot standby that is parked where the segment of `request.point` begins (see backup/follower.h), from a backup
  // that ends before the point. Null where !Follows(). Throws as StartRestore, and
  // kRestoreFailed.
  virtual std::unique_ptr<Follower> Follow(const RestoreRequest& request, const std::filesystem::path& source_wal);
  // Stops a restored server and removes all that StartRestore made for it.
  virtual void Discard(const Restored& restored) = 0;
  // The archive, segment by segment. Throws kRepositoryUnusable.
  virtual SegmentSource Segments() = 0;
};

// Has the server end the segment of its log that it writes, if there is anything in it, and returns when all before its
// end is in the archive. Throws as AwaitArchived.
void FinishSegment(pg::Connection& source, BackupProvider& provider, std::chrono::milliseconds deadline);

}  // namespace backup
