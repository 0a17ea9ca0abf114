#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "cli/work.h"
#include "plan/step.h"
#include "proof/unseen.h"
#include "stream/slot.h"

namespace cli {

// Reads off the checkpoint's slot what the release's transactions wrote, and compares it with what its steps declare.
class Auditor {
 public:
  explicit Auditor(Work& work);

  // After a step forward that writes. Throws kGateNoGo where there is an alarm, which
  // ends the run at this safe point.
  void AfterStep(const plan::Step& step);
  // Brings the spool to the end of the server's log, and writes `audited` into the journal where there is something
  // new; with a step that just ran, its images too. What cannot be had is "not evidenced", in the event and on stderr.
  // Throws kInterrupted, and what the journal throws.
  void Look(const plan::Step* step = nullptr);

 private:
  void Compare(base::Json& body);
  void AddImages(base::Json& body, const plan::Step& step);
  void AddUnseen(base::Json& body, const proof::StoredTables& now, const std::set<pg::QualifiedName>& truncated);
  [[nodiscard]] bool SameContent(const pg::QualifiedName& table);

  Work& work_;
  std::optional<checkpoint::Checkpoint> checkpoint_;
  proof::StoredTables stored_;
};

// What the journal says of the audits.
struct Audits {
  std::int64_t steps = 0;           // that were seen, in a direction
  std::vector<std::string> alarms;  // that nobody accepted, a sentence each
  std::vector<std::string> not_evidenced;
  std::string lost;     // why the slot serves no more; empty: it does
  std::string without;  // the slot without which a person goes on
};
Audits ReadAudits(const journal::Journal& journal);

// How the slot of the last checkpoint stands; nothing: there is none.
struct SlotStanding {
  std::string slot;
  std::string lost;
  std::string soon_lost;
  bool accepted = false;  // a person goes on without it
  std::int64_t kept = 0;  // bytes of the log
};
std::optional<SlotStanding> ReadSlotStanding(pg::Connection& connection, const journal::Journal& journal);

// A person goes on in spite of the alarms, or without the slot: kept in the journal.
void AcceptAlarms(Work& work);

}  // namespace cli
