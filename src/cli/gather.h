#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "gate/gate.h"
#include "journal/journal.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "release/project.h"
#include "release/release.h"

namespace cli {

// STATE/checkpoint.json; nothing: there is none. Throws kBadJson, kCheckpointBroken.
std::optional<checkpoint::Checkpoint> LoadCheckpointIfThere(const std::filesystem::path& state_directory);

// Where the facts of a gate come from.
struct GateSources {
  const release::Project& project;
  const release::Release& release;
  const plan::Plan* plan = nullptr;                    // null: there is no plan.lock.json
  const checkpoint::Checkpoint* checkpoint = nullptr;  // null: none was taken
  journal::Journal& journal;
  pg::Connection& connection;
};

// Finds out, and decides nothing. What cannot be found out is absent; only a lost connection and a broken file throw.
gate::Facts Gather(const GateSources& sources);

struct AskedGate {
  gate::Verdict verdict;
  std::string digest;  // of the journal's record of it: what a run names as its permission
};

// Gathers, decides and writes the verdict into the journal. `accept`: a person accepts the plan's point of no return
// before purge; that goes into the journal first.
AskedGate AskGate(const GateSources& sources, gate::Phase phase, bool accept);

}  // namespace cli
