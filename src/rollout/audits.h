#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "journal/journal.h"
#include "plan/plan.h"

// What the journal says of the audits, and what a person said to it.
namespace rollout {

struct Audits {
  std::int64_t steps = 0;           // that were seen, in a direction
  std::vector<std::string> alarms;  // that nobody accepted, a sentence each
  // Transactions with a tag that does not verify, as `audited` has them: those of the same tables together.
  std::vector<base::Json> unverified;
  std::vector<std::string> touching;  // those that write the release's tables and that nobody accepted, a sentence each
  std::vector<std::string> not_evidenced;
  std::string lost;  // why the slot serves no more; empty: it does
};
Audits ReadAudits(const journal::Journal& journal);

std::string AlarmText(const base::Json& alarm);
std::string UnverifiedText(const base::Json& unverified);

// A person goes on in spite of the alarms that stand: each is named in the journal by plan, step, direction, table and
// what was done, and whatever else of that comes to light later is accepted with it. Nothing stands: nothing is
// written.
void AcceptAlarms(journal::Journal& journal);

}  // namespace rollout
