#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backup/provider.h"
#include "checkpoint/content_hash.h"
#include "pg/connection.h"
#include "pg/lock_watch.h"
#include "pg/quote.h"

namespace checkpoint {

struct CutRequest {
  std::string name;                       // of the restore point, unique, at most 63 bytes
  std::vector<pg::QualifiedName> hashed;  // tables whose content is hashed exactly at the cut; empty: no lock is taken
  pg::LockPatience locks = {};
  bool decodable = false;  // wanted: Cut::parking
};

struct Cut {
  backup::Point point;  // without a name where the role may not make restore points
  std::string segment;  // the last one that a replay to the point needs; finished, on its way to the archive
  // The start of a segment. On a standby that has replayed what stands before it, a logical slot can be made that shows
  // all that commits after the point. Nothing: not wanted; PostgreSQL before 16; wal_level is not logical; the role may
  // not run pg_log_standby_snapshot; or transactions stay open for several seconds.
  std::optional<backup::Lsn> parking;
  std::optional<std::map<pg::QualifiedName, ContentHash>> content;
};

// Cuts the write-ahead log at a restore point, and finishes its segment. With tables to hash: a SHARE lock on them (no
// writer passes), restore point and snapshot together, and the lock is given up; the hashes are then taken under that
// snapshot, so they are exact without holding anyone up. Throws kLockTimeout when the lock was not to be had in all its
// attempts.
Cut MakeCut(pg::Connection& source, const CutRequest& request);

}  // namespace checkpoint
