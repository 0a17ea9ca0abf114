#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/stop.h"
#include "pg/connection.h"
#include "recover/restore.h"
#include "recover/salvage.h"
#include "release/project.h"
#include "release/release.h"
#include "salvage/decisions.h"

namespace rollout {

// What a restore needs of a release. Its server may be gone, so the release is not opened.
struct RestoreGround {
  const release::Project& project;  // with the environment
  const release::Release& release;
  base::Json by = {};                                 // who asks, for the journal
  std::optional<pg::ConnectOptions> old_server = {};  // nothing: it is not asked
  std::filesystem::path source_wal = {};              // absolute, or empty; as in recover::RestoreOptions
  std::optional<std::chrono::milliseconds> terminate_blockers_after = {};  // of sessions in the way of the fence
  std::function<void(const std::string&)> tell = {};                       // what it is doing; may be empty
  base::Stop stop = nullptr;

  [[nodiscard]] std::filesystem::path State() const { return project.StateOf(release.name); }
};

struct RestoreWishes {
  bool restore = true;                   // false: to the server that the last restore made
  std::filesystem::path directory = {};  // of the new server, absolute; empty: where switchback.yaml says
  bool salvage = false;
  bool cut_over = false;  // with the fence around the old server; salvages too
  salvage::Decisions decisions = {};
};

struct CarriedOver {
  recover::SalvageReport report;
  std::optional<salvage::Fence> fence = {};  // of a cut-over
  std::vector<std::string> made_since = {};  // tables that somebody made behind it
  bool to_fence = false;                     // the old server still takes writes: a cut-over is next
};

struct RestoreDone {
  std::string url;  // of the restored server, with its password
  std::optional<recover::RestoreReport> restored = {};
  std::optional<CarriedOver> carried_over = {};
  std::optional<salvage::Resolution> decided = {};
  std::filesystem::path conflicts_file;
};

// The way back `restore`: a new server from the checkpoint, beside the old one; then what applications wrote since, as
// wished, and then what a person decided of the conflicts. Throws kNoPlan, and what recover's Restore, LastRestored,
// Salvage, CutOver and Resolve throw; what was done before is in the journal then.
RestoreDone Restore(const RestoreGround& ground, const RestoreWishes& wishes);

// Restores nothing: what a restore would leave behind. Throws kNoPlan, kNoCheckpoint, kSalvageNotEvidenced.
recover::Loss CountLoss(const RestoreGround& ground);

// Lets applications write to the old server again. Gives how many tables were fenced.
std::int64_t LiftFence(const RestoreGround& ground);

// Whether there is anything.
bool Any(const salvage::Decisions& decisions);

}  // namespace rollout
