#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "journal/journal.h"
#include "journal/tag.h"
#include "pg/connection.h"

// The copy of the journal in schema `switchback` of the target. Lines reach it with the next transaction of the
// release, an intent line only inside its own step's transaction: so an intent that is in the mirror is a step that
// committed.
namespace journal {

// Creates schema `switchback` and its tables where missing (idempotent, one transaction); throws kPrivilege with the
// GRANT needed, and kUntrusted where there is one that is not ours.
void InstallSchema(pg::Connection& connection);
// Takes away what default privileges gave to others of what was made in our schemas, in the transaction that made it,
// so that nobody ever had it.
void Seal(pg::Connection& connection);
[[nodiscard]] bool SchemaInstalled(pg::Connection& connection);
// It is, and not by an older version of this program, which InstallSchema brings up to date.
[[nodiscard]] bool SchemaCurrent(pg::Connection& connection);

// Inserts the journal's lines up to `through` (seq) that the mirror lacks. Inside the caller's transaction. An intent
// line of a kConcurrent step may be mirrored before the step: that one is judged by its postcondition.
void MirrorLines(pg::Connection& connection, const std::string& release, const Journal& journal, std::int64_t through);
// The last line that may be brought there when no transaction of a step is open: an intent without an end, and what
// follows it, may not.
[[nodiscard]] std::int64_t MirrorableThrough(const Journal& journal);
// A query that is true where line `seq` is in the mirror.
std::string IsMirroredSql(const std::string& release, std::int64_t seq);
// Lines in the mirror, in order of seq.
std::vector<std::string> MirroredLines(pg::Connection& connection, const std::string& release);

// Throws kJournalBusy where the mirror has lines that the journal lacks: another wrote them after that was opened.
void CheckMirrorIsPrefix(const Journal& journal, const std::vector<std::string>& mirrored);

// Enters the release, or updates its row; what was stored of its touched objects is forgotten where the plan is another
// one.
struct ReleaseRow {
  std::string release;
  std::string plan_digest;
  std::string system_identifier;
  std::string hex;
  // For other releases: {tables: plan::ToJson(claims), last: the last step, purges: it is purge that ends it,
  // window_ms: how long it can be taken back where nothing is purged}.
  base::Json claims = {};
};
void EnterRelease(pg::Connection& connection, const ReleaseRow& row);

// What the touched objects looked like after the last step, kept in the same transaction as that step.
void StoreTouched(pg::Connection& connection, const std::string& release, const base::Json& described);
std::optional<base::Json> LoadTouched(pg::Connection& connection, const std::string& release);

// What this and the other releases hold as left (no value: nothing yet), their rows locked in one order.
struct HeldTouched {
  std::string release;
  std::optional<base::Json> touched;
};
std::vector<HeldTouched> HoldTouched(pg::Connection& connection, const std::string& release);

// The runner's public key, in the caller's transaction, which may be its first.
void EnterRunner(pg::Connection& connection, std::string_view secret);
// Those of all runners; empty where there is no schema.
Keys ReadRunners(pg::Connection& connection);

// A file of the release, for checkouts that lack it; LoadFile: nothing where there is none, or no schema.
void StoreFile(pg::Connection& connection, const std::string& release, const std::string& name,
               const std::string& content);
std::optional<std::string> LoadFile(pg::Connection& connection, const std::string& release, const std::string& name);

// How a release was ended with a plan; nothing: it was not, or the schema is not there.
struct Ending {
  std::string ended;  // "never begun", "taken back", "complete"
  std::string at;
};
std::optional<Ending> ReadEnding(pg::Connection& connection, const std::string& release, const std::string& plan);

// The claims of all releases but this one, by their names.
std::vector<std::pair<std::string, base::Json>> ReadClaims(pg::Connection& connection, const std::string& but);

}  // namespace journal
