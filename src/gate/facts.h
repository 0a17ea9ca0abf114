#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

// The gate is a pure function: what it knows stands in Policy and Facts, the time included, so that an auditor can run
// it again from an evidence package, without a database.
namespace gate {

// What the project asks for.
struct Policy {
  std::chrono::milliseconds checkpoint_max_age{0};  // when the first step of a release begins
};

struct CheckpointFact {
  std::string digest;             // of the checkpoint in force
  std::string recorded_digest;    // of the one that the journal speaks of last; empty: of none
  std::string plan_digest;        // of the plan that it was taken for
  std::string system_identifier;  // of the server that it was taken from
  base::Time taken_at;
  // A restore to its point could begin: a backup that serves it is there, and all WAL from there on. Nothing: it could
  // not be asked.
  std::optional<bool> restorable;
  std::string not_restorable = {};  // why not, or why it could not be asked; empty: it could
};

// The first step without a way back.
struct PointOfNoReturnFact {
  bool exists = false;
  std::string step = {};   // its id; empty where there is none
  std::string phase = {};  // of that step; empty where there is none
  bool accepted = false;   // by a person, for this plan
};

struct InvariantFact {
  std::string name;
  std::string expected;       // as text
  std::optional<bool> holds;  // nothing: it could not be asked
  std::string found = {};     // as text
  std::string error = {};     // why it could not be asked
};

// Rows whose old value could not be carried to the new side of a changed column.
struct UnconvertedFact {
  std::int64_t count = 0;
  std::vector<std::string> rows;  // the first ones, a sentence each
};

// The logical slot of the checkpoint, from which comes what a restore can bring back, and what the release really
// wrote.
struct StreamFact {
  bool has_slot = false;
  std::string lost = {};       // why it serves no more, a sentence without a full stop; empty: it does
  std::string soon_lost = {};  // why it soon will not; empty: it goes on
  // Without the slot, a restore reads the archive instead: the checkpoint and the provider are made for it. Whether it
  // comes out is seen then.
  bool archive = false;
};

// What the release's own transactions wrote, compared with what its steps declare.
struct FootprintFact {
  std::int64_t steps = 0;           // that were seen to write or not to write
  std::vector<std::string> alarms;  // that nobody accepted, a sentence each
  // Transactions with a tag that does not verify, which wrote the release's tables and nobody accepted, a sentence
  // each.
  std::vector<std::string> touching;
  std::vector<std::string> not_evidenced;  // a sentence each
};

// What of the applications' writes a restore to the checkpoint would leave behind at this moment.
struct LossFact {
  std::string not_evidenced = {};  // why it was not counted, a sentence without a full stop; empty: it was
  std::string evidence = "slot";   // what it was counted from: "slot", or "pg_waldump" on the archive
  std::string note = {};           // how far, and why not from the slot, without a full stop; empty: all, from the slot
  bool at_least = false;           // there is, or may be, more than what was counted
  std::int64_t transactions = 0;
  std::optional<base::Time> first = {};
  std::optional<base::Time> last = {};
  struct Table {
    std::string name;
    std::int64_t inserted = 0;
    std::int64_t updated = 0;
    std::int64_t deleted = 0;
    bool truncated = false;
  };
  std::vector<Table> tables = {};
  std::int64_t unnamed = 0;                    // changes in tables that are not known by name any more
  std::vector<std::string> uncovered = {};     // what the evidence does not show, a sentence each
  std::vector<std::string> applications = {};  // connected at this moment, by name; no evidence says who wrote
  std::optional<std::chrono::milliseconds> restore_takes = {};  // as it was measured; nothing: it was not
};

// The fence of a cut-over, which refuses every write to the applications' tables.
struct FenceFact {
  std::int64_t tables = 0;      // that are fenced; 0: none stands
  std::string new_server = {};  // to which was cut over, as a URL without a password; empty: that did not end
};

// How the release stands in the environment that it passes first.
struct PromotionFact {
  std::string after = {};  // its name; empty: none comes first
  std::string unknown =
      {};                // why nothing is evidenced of it, a sentence without a full stop; empty: its database said it
  bool reached = false;  // the phase that is asked about is done there
  bool taken_back = false;                    // it was begun there, and went back
  std::string plan = {};                      // the digest of the plan that it has there; empty: none was begun
  std::vector<std::string> differences = {};  // how that differs from this one, a sentence each
  bool accepted = false;                      // the difference, by a person
};

// What is known at one moment. What is absent was not found out; it never counts as good.
struct Facts {
  base::Time now;
  std::string release;
  std::optional<bool> begun;  // a step of the release is in the database: done, or in flight

  std::optional<CheckpointFact> checkpoint;

  std::optional<std::vector<std::string>> blockers;  // of the plan, a sentence each; empty: it can run
  std::optional<std::string> plan_digest;            // of plan.lock.json
  std::optional<std::string> compiled_digest;  // of the release compiled anew; only to be had while nothing has begun
  std::optional<std::string> begun_digest;     // of the plan with which the run was opened

  std::optional<std::string> system_identifier;        // of the database that was asked
  std::optional<std::string> begun_system_identifier;  // of the one on which the run was opened

  // How the touched objects differ from what the plan or the last step left, a sentence each; empty: not at all.
  std::optional<std::vector<std::string>> drift;
  // Other releases that stand and have in hand what this one changes or relies on, a sentence without a full stop each;
  // of a release that has begun, those that were begun later.
  std::optional<std::vector<std::string>> others;
  // The step that was begun, is no single transaction and did not end: what it touches is known when it ends.
  std::optional<std::string> half_done;

  std::optional<std::string> owner;                          // empty: none is named
  std::optional<std::chrono::milliseconds> rollback_window;  // zero: none is named

  std::optional<PointOfNoReturnFact> point_of_no_return;
  std::optional<std::vector<InvariantFact>> invariants;  // an empty list: the release declares none
  std::optional<UnconvertedFact> unconverted;
  // Rows that came beside the triggers after their table was filled, a sentence for each column; empty: none. Asked of
  // the data itself, from the phase on that would leave them behind.
  std::optional<std::vector<std::string>> unfilled;
  std::optional<StreamFact> stream;
  std::optional<FootprintFact> footprint;
  std::optional<LossFact> loss;
  std::optional<FenceFact> fence;
  std::optional<PromotionFact> promotion;
};

base::Json ToJson(const Policy& policy);
base::Json ToJson(const Facts& facts);
// Throw kBadJson.
Policy PolicyFromJson(const base::Json& json);
Facts FactsFromJson(const base::Json& json);

}  // namespace gate
