#include "cases.h"

#include <fmt/core.h>

#include <algorithm>

namespace crash {

const std::vector<Place>& Places() {
  static const std::vector<Place> places = {
      {"file.before_rename", Scene::kPlan},
      {"file.before_rename", Scene::kCheckpoint, 2},
      {"journal.before_write", Scene::kForward},
      {"journal.before_write", Scene::kUndo, 5},
      {"journal.before_sync", Scene::kForward, 6},
      {"journal.before_sync", Scene::kPurge, 4},
      {"journal.after_sync", Scene::kForward, 9},
      {"journal.before_cut", Scene::kTorn, 1, false, true},
      {"journal.before_catch_up", Scene::kRebuild},
      {"journal.before_install", Scene::kInstall, 1, true},
      {"journal.mirrored", Scene::kForward, 2},
      {"lease.before_take", Scene::kForward, 1, true},
      {"lease.after_take", Scene::kForward},
      {"lease.before_renew", Scene::kBlocked, 1, true},
      {"lease.before_return", Scene::kForward, 1, true},
      {"lease.before_return", Scene::kUndo, 1, true},
      {"lease.fenced", Scene::kForward},
      {"lease.fenced", Scene::kUndo},
      {"run.before_enter", Scene::kCheckpoint, 1, true},
      {"run.after_enter", Scene::kCheckpoint},
      {"run.before_conclude", Scene::kConclude},
      {"run.before_conclude", Scene::kConcludeIndex},
      {"run.before_write_off", Scene::kWriteOff},
      {"run.before_intent", Scene::kForward, 2},
      {"run.after_intent", Scene::kForward, 3},
      {"run.after_intent", Scene::kUndo, 2},
      {"run.before_commit", Scene::kForward, 1, true, true},
      {"run.before_commit", Scene::kForward, 4, true},
      {"run.before_commit", Scene::kForward, 6, true},
      {"run.before_commit", Scene::kForward, 8, true},
      {"run.before_commit", Scene::kUndo, 1, true, true},
      {"run.before_commit", Scene::kUndo, 4, true},
      {"run.before_commit", Scene::kPurge, 1, true},
      {"run.after_commit", Scene::kForward, 2, false, true},
      {"run.after_commit", Scene::kForward, 5},
      {"run.after_commit", Scene::kForward, 7},
      {"run.after_commit", Scene::kUndo, 3},
      {"run.after_commit", Scene::kPurge, 2},
      {"run.after_outcome", Scene::kForward, 4},
      {"run.after_outcome", Scene::kPurge},
      {"run.before_concurrent", Scene::kForward, 1, true},
      {"run.before_drop_invalid", Scene::kInvalid},
      {"run.after_statement", Scene::kForward, 1, false, true},
      {"run.after_statement", Scene::kUndo},
      {"run.before_finish", Scene::kForward, 1, true},
      {"run.after_finish", Scene::kForward},
      {"gate.decided", Scene::kForward, 2},
      {"backfill.before_lay_out", Scene::kForward, 1, true},
      {"backfill.batch", Scene::kForward, 1, true},
      {"backfill.batch", Scene::kForward, 2, true, true},
      {"backfill.after_batch", Scene::kForward},
      {"backfill.before_check", Scene::kForward},
      {"undo.begins", Scene::kUndo},
      {"undo.rows", Scene::kUndo, 1, false, true},
      {"undo.ends", Scene::kUndo},
      {"purge.before_slot", Scene::kPurge, 1, false, true},
      {"purge.before_publications", Scene::kPurge},
      {"checkpoint.before_backup", Scene::kCheckpoint},
      {"backup.before_complete", Scene::kFirstBackup},
      {"checkpoint.before_stream", Scene::kCheckpoint},
      {"checkpoint.published", Scene::kCheckpoint},
      {"checkpoint.slot_made", Scene::kCheckpoint, 1, false, true},
      {"checkpoint.point_made", Scene::kCheckpoint},
      {"checkpoint.archived", Scene::kCheckpoint},
      {"checkpoint.written", Scene::kCheckpoint, 1, false, true},
      {"checkpoint.written", Scene::kAnew},
      {"checkpoint.written", Scene::kProve, 2},
      {"checkpoint.recorded", Scene::kCheckpoint},
      {"checkpoint.recorded", Scene::kAnew, 1, false, true},
      {"checkpoint.recorded", Scene::kProve, 2},
      {"checkpoint.in_force", Scene::kAnew},
      {"checkpoint.proven", Scene::kProve},
      {"restore.copied", Scene::kRestore},
      {"restore.up", Scene::kRestore},
      {"restore.verified", Scene::kRestore, 1, false, true},
      {"restore.recorded", Scene::kRestore},
      {"fence.before_table", Scene::kCutOver, 1, true},
      {"fence.raised", Scene::kCutOver},
      {"salvage.before_staged", Scene::kCutOver},
      {"salvage.staged", Scene::kCutOver},
      {"salvage.before_table", Scene::kCutOver, 1, false, true},
      {"salvage.before_table", Scene::kCutOver, 2},
      {"salvage.after_table", Scene::kCutOver},
      {"salvage.sequences", Scene::kCutOver},
      {"salvage.before_keys", Scene::kCutOver},
      {"salvage.named", Scene::kCutOver},
      {"cut_over.counted", Scene::kCutOver},
      {"salvage.before_reopen", Scene::kAgain},
      {"salvage.before_staged", Scene::kAgain},
      {"salvage.after_table", Scene::kAgain},
      {"fence.before_table", Scene::kLift, 1, true},
      {"fence.lifted", Scene::kLift},
      {"salvage.before_resolved", Scene::kResolve},
      {"salvage.resolved", Scene::kResolve},
      {"run.before_filled_again", Scene::kFillAgain, 1, true},
      {"backfill.batch", Scene::kFillAgain, 1, true},
      {"close.before_commit", Scene::kClose, 1, true, true},
      {"close.before_commit", Scene::kClose, 2, true},
      {"close.before_stream", Scene::kClose},
      {"purge.before_publications", Scene::kClose},
      {"close.before_line", Scene::kClose},
      {"close.after_line", Scene::kClose},
      {"uninstall.before_commit", Scene::kUninstall, 1, true},
  };
  return places;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  int number = 0;
  for (const Place& place : Places()) {
    // By turns, so that each place is left in both directions.
    const bool turn = number++ % 2 == 1;
    for (const bool twice : {false, true}) {
      cases.push_back({place, Accident::kKill, twice, turn != twice});
      cases.push_back({place, Accident::kServer, twice, turn == twice});
      cases.push_back({place, Accident::kDisk, twice, turn != twice});
      if (place.commit) cases.push_back({place, Accident::kCut, twice, turn == twice});
    }
  }
  return cases;
}

std::string NameOf(const Case& which) {
  static constexpr const char* kScenes[] = {
      "Plan",          "Checkpoint", "Install", "FirstBackup", "Prove",   "Anew",      "Forward", "Conclude",
      "ConcludeIndex", "WriteOff",   "Invalid", "Blocked",     "Torn",    "Rebuild",   "Undo",    "Purge",
      "Restore",       "CutOver",    "Again",   "Lift",        "Resolve", "FillAgain", "Close",   "Uninstall"};
  std::string name = which.place.failpoint;
  std::ranges::replace(name, '.', '_');
  return fmt::format("{}_{}_{}_{}{}{}", name, which.place.nth, kScenes[static_cast<int>(which.place.scene)],
                     Name(which.accident), which.twice ? "Twice" : "", which.turn ? "AndTurn" : "");
}

}  // namespace crash
