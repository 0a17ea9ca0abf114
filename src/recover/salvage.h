#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backup/provider.h"
#include "base/json.h"
#include "base/stop.h"
#include "checkpoint/checkpoint.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "salvage/fence.h"
#include "salvage/salvage.h"

namespace recover {

struct SalvageOptions {
  std::optional<std::string> conninfo = std::nullopt;  // of the old server, as in RestoreOptions; nothing: it is gone
  std::filesystem::path state = {};                    // of the release
  const plan::Plan& plan;
  std::function<void(const std::string&)> tell = {};  // what it is doing, for people; may be empty
  backup::BackupProvider* provider = nullptr;  // to read the archive where the slot serves not; null: there is none
  std::filesystem::path source_wal = {};       // as in RestoreOptions
  std::vector<std::string> trusts = {};        // as in pg::ConnectOptions
  std::shared_ptr<pg::LockBudget> lock_budget = nullptr;  // likewise
  base::Stop stop = nullptr;                              // likewise
};

// What a loss account comes from, the best first: the stream off the checkpoint's slot or from the archive, the stream
// as far as it was read before, or the log's own records.
enum class Evidence : std::uint8_t { kSlot, kArchiveStream, kFormerRead, kLog };
std::string_view Name(Evidence evidence);  // "slot", "archive stream", "stream read before", "pg_waldump"

// What the applications wrote since the checkpoint, and a restore leaves behind.
struct Loss {
  salvage::Account account;
  std::string note;                                        // how far it was counted
  std::vector<std::string> uncovered;                      // what the evidence does not show, sentences
  std::optional<std::chrono::milliseconds> restore_takes;  // as measured when the checkpoint was proven
  Evidence evidence = Evidence::kSlot;
  std::int64_t unnamed = 0;  // changes of rows in tables that are not known by name: rewritten or dropped since
};
base::Json ToJson(const Loss& loss);
std::optional<std::chrono::milliseconds> RestoreTakes(const checkpoint::Checkpoint& checkpoint);

// Reads the slot to its end first, or the archive (DrainArchive) where the old server does not answer or has lost the
// slot; where neither can be read and the server does not answer, what was read before counts. Throws kNoCheckpoint,
// kSalvageNotEvidenced.
Loss CountLoss(const SalvageOptions& options);

// The server that the last restore of this release's checkpoint made. Throws kNoRestored, kRestoreUnverified where that
// restore found it to be another one than the checkpoint's, kUnreachable where it does not run: how it is started is in
// the hint.
std::string LastRestored(const std::filesystem::path& state, const journal::Journal& journal);

struct SalvageReport {
  std::string restored;  // its URL
  salvage::Report report;
  std::string note;  // as in Loss
  std::vector<std::string> uncovered;
  std::vector<std::string> unrepeated;  // see Unrepeated
  std::filesystem::path conflicts;      // the file
  bool old_server_answered = false;
  std::chrono::milliseconds took{0};  // with the reading of the slot
};
base::Json ToJson(const SalvageReport& report);

// Carries what the applications wrote over to the restored server, and writes `salvaged` into the journal. The
// old server is read only. See salvage::Salvage; throws kSalvageNotEvidenced too.
SalvageReport Salvage(const SalvageOptions& options, const std::string& restored, journal::Journal& journal);

struct CutOverReport {
  salvage::Fence fence;
  SalvageReport salvaged;
};
base::Json ToJson(const CutOverReport& report);

// Ends the applications' writes to the old server (salvage::RaiseFence), reads what committed before that to the last
// transaction, carries it over, and compares the counts: every change of an application up to the fence was applied, is
// a conflict or is skipped by name. Nobody is moved: the report has the new server's URL. Writes `fenced`, what Salvage
// writes, and `cut_over` into the journal.
//
// What can be seen to fail before the fence, fails before it. Behind it an error, or a crash, leaves the fence, and the
// next call goes on. Where going on is no use (kSalvageDone: the restored server was salvaged before, and a hand was on
// its rows since; kSalvageNotEvidenced) the fence is lifted again. Throws kUnreachable where the old server does not
// answer.
CutOverReport CutOver(const SalvageOptions& options, const salvage::Patience& patience, const std::string& restored,
                      journal::Journal& journal);

// Opens the old server to its applications again, and writes `fence_lifted` into the journal. Gives how many tables
// were fenced; 0: no fence stood.
std::int64_t LiftFence(const pg::ConnectOptions& old_server, const salvage::Patience& patience,
                       journal::Journal& journal);

// Applies what a person decided (salvage::Decide), and writes `resolved` into the journal. Killed in between, the next
// call writes what was applied before.
salvage::Resolution Resolve(const SalvageOptions& options, const std::string& restored,
                            const salvage::Decisions& decisions, journal::Journal& journal);

}  // namespace recover
