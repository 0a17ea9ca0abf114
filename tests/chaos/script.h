#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "world.h"

namespace chaos {

// What happens in a history, drawn from its seed alone. What the program answers is not in here. Pure.

enum class Act {
  kPlan,
  kCheckpoint,
  kRun,
  kPause,
  kDeploy,
  kContract,
  kRollbackStart,
  kRollbackExpand,
  kRollbackMigrate,
  kRollbackSwitch,
  kRestore,  // with salvage, beside a server that goes on
  kCutOver,
  kSecondOperator,
  kSecondRelease,
  kSecondBack,
  kLook,
  kPurge,
  kClose,
};
constexpr int kActs = static_cast<int>(Act::kClose) + 1;
const char* Name(Act act);

enum class Accident { kNone, kKill, kServer, kCut, kStop, kDisk, kInterrupt };
constexpr int kAccidents = static_cast<int>(Accident::kInterrupt) + 1;
const char* Name(Accident accident);

// Who writes.
enum class Deployment { kOld, kBoth, kNew };
const char* Name(Deployment deployment);

struct Line {
  Act act = Act::kLook;
  std::string until;  // of kRun
  Deployment deployment = Deployment::kOld;
  Accident accident = Accident::kNone;
  int at = 0;          // percent of the time that the act takes: when the accident happens
  bool again = false;  // after an accident the operator follows the advice until the act is done, or goes on as planned
  int choice = 0;      // of kLook and kSecondOperator: which of several
};

// Where the operator wants to end.
enum class End { kComplete, kStart, kCutOver };
const char* Name(End end);

struct Script {
  std::vector<Line> lines;
  End end = End::kComplete;
  bool second_complete = false;     // the second release, where it was begun; else it goes back to its start
  bool second_first = false;        // and it ends before the first one does
  bool take_application = false;    // of each conflict; else what was restored
  Accident last = Accident::kNone;  // in the first command of the end
  int last_at = 0;
};

Script DrawScript(std::uint64_t seed);
std::string Text(const Line& line);

}  // namespace chaos
