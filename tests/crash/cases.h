#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "ground.h"

namespace crash {

// What is done when the accident comes.
enum class Scene {
  kPlan,           // plan
  kCheckpoint,     // checkpoint, by a backup that is there
  kInstall,        // the same where schema switchback is missing
  kFirstBackup,    // the same where no backup is there
  kProve,          // checkpoint --prove
  kAnew,           // checkpoint, where one is in force
  kForward,        // run --until contract
  kConclude,       // the same after a run was killed behind a COMMIT
  kConcludeIndex,  // the same behind the build of an index
  kWriteOff,       // the same after a run was killed before a COMMIT
  kInvalid,        // the same after a run was killed while it built an index
  kBlocked,        // the same while an application holds the table
  kTorn,           // the same with a torn journal
  kRebuild,        // the same with the journal gone
  kUndo,           // rollback, from the end of contract
  kPurge,          // purge
  kRestore,        // restore
  kCutOver,        // restore --cut-over, to a server that a restore made
  kAgain,          // the same, to one that was salvaged already, and applications wrote since
  kLift,           // restore --lift-fence, behind that
  kResolve,        // restore --resolve, behind a cut-over that left conflicts
  kFillAgain,      // migrate, after rows came beside the triggers
  kClose,          // close, after a way back to the start
  kUninstall       // uninstall, after that
};

// Where a failpoint is passed.
struct Place {
  std::string failpoint;
  Scene scene;
  int nth = 1;
  bool commit = false;  // it stands right before a COMMIT
  bool subset = false;  // one of those that run in each test run
};
const std::vector<Place>& Places();

struct Case {
  Place place;
  Accident accident = Accident::kKill;
  bool twice = false;  // the same again during the resume
  bool turn = false;   // then the other way: back instead of on, or on again instead of back
};
// For each place each accident that can happen there, once and twice.
std::vector<Case> Cases();
std::string NameOf(const Case& which);
inline void PrintTo(const Case& which, std::ostream* out) { *out << NameOf(which); }

}  // namespace crash
