#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/provider.h"
#include "checkpoint/checkpoint.h"
#include "gate/facts.h"
#include "plan/step.h"
#include "proof/footprint.h"
#include "proof/unseen.h"
#include "rollout/audits.h"
#include "rollout/open_release.h"
#include "stream/drain.h"
#include "stream/reader.h"
#include "stream/slot.h"

namespace rollout {

// Reads off the checkpoint's slot what the release's transactions wrote, and compares it with what its steps declare.
class Auditor {
 public:
  explicit Auditor(OpenRelease& open);

  // After a step forward that writes. Throws kGateNoGo where there is a new alarm, which ends the run at this safe
  // point.
  void AfterStep(const plan::Step& step);
  // Brings the spool to the end of the server's log. Once a step was begun, compares what is new in it, and writes
  // `audited` into the journal where there is something to say. What cannot be had is "not evidenced" there. Throws
  // kInterrupted, and what the journal throws.
  void Look();
  // Brings the spool to the end of the server's log, so that the slot keeps little of it; compares nothing, and writes
  // nothing into the journal. Why that was not possible, a sentence without a full stop; empty: it was. Throws
  // kInterrupted.
  [[nodiscard]] std::string KeepUp();

  // What a restore to the checkpoint would leave behind, as of the last look; where the slot does not tell, from the
  // archive's log as of now. Where there is very much it counts a part. `provider` may be null.
  [[nodiscard]] gate::LossFact Loss(backup::BackupProvider* provider);

 private:
  [[nodiscard]] stream::Drained Drain();
  [[nodiscard]] stream::Reader Open() const;
  void Compare(base::Json& body);
  void AddImages(base::Json& body, const proof::StepAudit& audit);
  void AddUnseen(base::Json& body, const proof::StoredTables& now, const std::set<pg::QualifiedName>& truncated);
  [[nodiscard]] bool SameContent(const pg::QualifiedName& table);
  // Throws what opening the spool throws.
  void CountInStream(gate::LossFact& loss);
  void CountInLog(backup::BackupProvider& provider, gate::LossFact& loss);

  OpenRelease& open_;
  std::optional<checkpoint::Checkpoint> checkpoint_;
  std::string unread_;  // why the last look did not read to the end, a sentence without a full stop; empty: it did
  proof::StoredTables stored_;
};

// How the slot of the last checkpoint stands; nothing: there is none.
struct SlotStanding {
  std::string lost;
  std::string soon_lost;
  std::int64_t kept = 0;                  // bytes of the log
  std::optional<std::int64_t> room = {};  // bytes that may be written until it is lost; nothing: there is no limit
};
std::optional<SlotStanding> ReadSlotStanding(pg::Connection& connection, const journal::Journal& journal);

// Whether a restore can be expected to read the archive where the slot does not serve: the checkpoint and the provider
// are made for it. `provider` may be null.
bool ArchiveServes(const std::filesystem::path& state, const backup::BackupProvider* provider);

}  // namespace rollout
