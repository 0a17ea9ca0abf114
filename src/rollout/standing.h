#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "journal/journal.h"
#include "journal/position.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "recover/unconverted.h"
#include "recover/unproven.h"
#include "release/project.h"
#include "release/release.h"
#include "rollout/after_restore.h"
#include "rollout/audit.h"
#include "rollout/audits.h"
#include "rollout/provider.h"
#include "rollout/stream_term.h"
#include "rollout/window.h"
#include "run/drift.h"
#include "salvage/fence.h"

namespace rollout {

// How far a backfill is, that runs or ran.
struct Backfill {
  std::string step;
  std::int64_t rows = 0;
  std::int64_t percent = 0;  // of the table
  bool runs = false;
  std::string waits_for;  // empty: for nothing
};

// Where a release that is open stands, and what can be done with it.
struct OpenStanding {
  journal::Position position;
  std::optional<journal::Event> checkpoint;
  std::optional<Window> window;
  std::optional<journal::Event> failure;
  std::optional<journal::Event> last;  // line of the journal
  std::string edited;                  // see EditedSince
  recover::Unconverted unconverted;
  std::vector<recover::Unproven> unproven;  // by a way back, which came last
  std::vector<std::string> aside;           // see recover::RowsAside
  std::vector<Backfill> backfills;
  std::optional<std::string> paused_by;
  Audits audits;
  StreamTerm term;
  std::optional<SlotStanding> slot;  // nothing: there is none, or none that anybody needs
  bool archive = false;              // can be read where the slot does not serve
  // Made beside the release. While a step is open, and after the last one, the objects may differ: then it is empty.
  run::Drift drift;
  AfterRestore after;
  salvage::FenceNow fence;
};

// It was ended, with this plan or, where nothing was begun since, with another one.
struct ClosedStanding {
  std::string ended;
  bool same_plan = false;   // and the database knows it
  bool unfinished = false;  // this plan, but the database does not know it
};

struct Standing {
  std::optional<plan::Plan> plan;            // nothing: there is none yet, and nothing else is known
  std::optional<std::size_t> journal_lines;  // where the database was not asked, all that is known
  std::optional<ClosedStanding> closed;
  std::optional<OpenStanding> open;  // where it is not closed, and the database was asked
  std::string next;                  // a command line with its reason, or a sentence; may be empty
};

// Changes nothing. `connection` may be null: the database was not to be had. Throws what reading plan and journal
// throws, and the database.
Standing Look(const release::Project& project, const release::Release& release, pg::Connection* connection);

// What only a look at the backups and at this machine can tell.
struct CheckpointStanding {
  std::optional<std::filesystem::path> unfinished;  // of a restore that was interrupted
  std::optional<Restorable> restorable;             // nothing: there is no checkpoint
};
CheckpointStanding LookAtCheckpoint(const release::Environment& environment, const std::filesystem::path& state);

}  // namespace rollout
