#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/stop.h"
#include "pg/connection.h"
#include "pg/lsn.h"
#include "plan/plan.h"
#include "salvage/apply.h"
#include "salvage/conflict.h"
#include "salvage/decisions.h"
#include "salvage/stage.h"
#include "stream/reader.h"

// Carries what the applications wrote since a point of the log over to a server that was restored to it. Only the end
// matters, because nobody uses that server before; so the changes are merged row by row, not repeated one by one.
namespace salvage {

// What a transaction on a restored server may take to think between two statements: nobody waits for its locks there.
inline constexpr std::chrono::milliseconds kIdle{60'000};

struct Options {
  std::string restored;  // connection string; of a role that may set session_replication_role
  std::function<stream::Reader()> open;
  pg::Lsn from = {};  // the restore point
  const plan::Plan& plan;
  pg::Connection* old_server = nullptr;               // may be null
  std::set<std::int64_t> rewritten = {};              // OIDs of tables that were rewritten on the old server since
  std::filesystem::path conflicts = {};               // the file that a person edits
  std::function<void(const std::string&)> tell = {};  // what it is doing; may be empty
  base::Stop stop = nullptr;
};

struct Report {
  Account account;
  std::map<pg::QualifiedName, TableOutcome> tables;  // by their names at the restore point
  std::int64_t conflicts = 0;                        // in the file
  std::int64_t decided = 0;                          // and those that are done
  std::int64_t refused = 0;                          // of those in the file: decided, but not taken by the server
  std::vector<Group> groups = {};                    // of those in the file
  std::int64_t sequences = 0;
  std::vector<std::string> unread_sequences = {};  // that this role may not read, by name: as restored
  std::vector<std::string> event_triggers = {};    // that fired for the salvage's own DDL: this role may not alter them
  std::int64_t orphans = 0;                        // of them, those of foreign keys
  std::int64_t later = 0;              // transactions of applications that came after what was staged: not in it
  std::chrono::milliseconds stage{0};  // how long it took to put the changes on the restored server
  std::chrono::milliseconds merge{0};  // and to do the rest

  [[nodiscard]] std::int64_t Applied() const;
  [[nodiscard]] std::int64_t InConflict() const;
  [[nodiscard]] std::int64_t Skipped() const;
};
base::Json ToJson(const Report& report);

// Interrupted anywhere, it goes on where it was when called again, and ends in the same state: what is staged stays,
// and each table is done in one transaction. Called when applications wrote more meanwhile, it puts the tables that
// they wrote to back as they were restored, does them anew with all changes, and applies the kept decisions again
// (Decide). Throws kSalvageDone where a hand was on rows that have to be put back, kPrivilege and kInterrupted too, and
// what the server and the stream throw.
Report Salvage(const Options& options);

struct Resolution {
  Resolved resolved;
  std::vector<Group> groups;  // of the conflicts that are left in the file
};
base::Json GroupsJson(const std::vector<Group>& groups);

// See Decide in decisions.h. `conflicts` is the file of Salvage, which keeps only those that are left.
Resolution Resolve(const std::string& restored, const plan::Plan& plan, const Decisions& decisions,
                   const std::filesystem::path& conflicts, base::Stop stop = nullptr);

// Throws kObstructed where prepared transactions stand on the restored server: it has those of the old one, with what
// they have locked.
void RequireNonePrepared(pg::Connection& restored);

}  // namespace salvage
