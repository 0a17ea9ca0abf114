#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backup/provider.h"
#include "backup/wal_account.h"
#include "base/json.h"
#include "base/time.h"
#include "checkpoint/content_hash.h"
#include "journal/journal.h"
#include "pg/quote.h"

namespace checkpoint {

// A restore of the checkpoint that was made, compared and removed again.
struct Proof {
  base::Time at;
  std::chrono::milliseconds copy{0};
  std::chrono::milliseconds recover{0};
  std::chrono::milliseconds verify{0};
  bool contents = false;  // contents were compared, not the schema alone
};

// Everything that is needed to come back to one moment of one database. checkpoint.json is its JSON form;
// docs/formats/checkpoint.md is the specification.
struct Checkpoint {
  std::string release;
  std::string plan_digest;
  std::string environment;
  std::string database;
  std::uint32_t database_oid = 0;
  std::string role;  // may log in to a restored server: a superuser where there is one, else the one that took this
  base::Time time;
  backup::Point point;  // name (empty: by LSN only), R, timeline, system identifier
  std::string segment;  // archived when this file is written: replay to the point needs nothing after it
  std::string backup_id;
  backup::Lsn scan_from;  // accounting reads the WAL from here: no transaction open at the point began earlier
  std::vector<std::string> publications;
  std::string slot;                       // empty: none
  std::optional<backup::Lsn> parking;     // see Cut: where the archive alone serves for a slot; nothing: it does not
  base::Json relations;                   // at the point, of backup::ToJson: what the log's files are called
  std::vector<pg::QualifiedName> tables;  // the plan's
  base::Json touched;                     // catalog::Describe of them, just before the point
  // Rows and hashes of the release's tables exactly at the point; nothing: not checked.
  std::optional<std::map<pg::QualifiedName, ContentHash>> content;
  std::vector<std::string> abilities_off;  // sentences: what this checkpoint cannot serve, and how to turn it on
  std::optional<Proof> proof;
};

std::filesystem::path FileOf(const std::filesystem::path& state);      // STATE/checkpoint.json
std::filesystem::path NextFileOf(const std::filesystem::path& state);  // STATE/checkpoint.next.json: see Replace

// With a `digest` over all the rest.
base::Json ToJson(const Checkpoint& checkpoint);
// Throws kBadJson, or kCheckpointBroken where the digest is not that of the content.
Checkpoint FromJson(const base::Json& json);
std::string DigestOf(const Checkpoint& checkpoint);

void Write(const std::filesystem::path& state, const Checkpoint& checkpoint);
// Puts a checkpoint in force: it is written beside the one before, `record` writes its line into the journal, and then
// it takes the other's place. The line decides: a crash before it leaves the old checkpoint in force, one behind it the
// new one, which is read from beside until the next Replace.
void Replace(const std::filesystem::path& state, const Checkpoint& checkpoint, const std::function<void()>& record);

// The digest of the checkpoint that the journal put in force last; empty: there is none.
std::string RecordedDigest(const journal::Journal& journal);
// The file in force, as it stands there; nothing: there is none.
std::optional<std::string> TextInForce(const std::filesystem::path& state);
// The checkpoint in force; nothing: there is none. Throws kBadJson, kCheckpointBroken.
std::optional<Checkpoint> Find(const std::filesystem::path& state);
// Throws kNoCheckpoint too.
Checkpoint Load(const std::filesystem::path& state);

}  // namespace checkpoint
