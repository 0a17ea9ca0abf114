#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "proof/conditions.h"
#include "rollout/open_release.h"
#include "rollout/provider.h"

namespace rollout {

enum class Level {
  kNote,   // good to know
  kHold,   // something is not as it should be
  kFired,  // a rollback condition, an invariant or an alarm: a person must decide on the way back
};

std::string_view Name(Level level);  // "note"

// What a look at a release finds.
struct Finding {
  std::string about;  // the same thing has the same at the next look
  Level level = Level::kHold;
  std::string text;       // a sentence without a full stop
  std::string next = {};  // what to do; may be empty
  bool blind = false;     // something could not be looked at: what is not found may be there all the same
};
Finding Unseen(const std::string& what, const base::Error& error);
base::Json ToJson(const Finding& finding);

struct Observation {
  std::vector<Finding> findings;  // the gravest first
  std::vector<proof::ConditionStanding> conditions;
  std::size_t invariants = 0;  // that were asked
  std::string stands;          // the release, in words
  std::string window;          // the rollback window, in words; empty: it is not open
  std::string over;            // why there is nothing more to look at; empty: there is
};
Level Gravest(const Observation& seen);

// Looks at a release again and again: whether its rollback conditions fire, and whether its ways back are kept working.
// Each look begins from the files and the database anew, so a failover or a release that goes on meanwhile is no
// matter. About once a minute it reads the checkpoint's stream on, which keeps little log on the server then, and asks
// whether the backup still serves. A condition that fires is written into the journal (`condition_fired`), once until a
// step of the release begins or ends; nothing else is.
class Watcher {
 public:
  // `open` is called for each look.
  explicit Watcher(std::function<Opening()> open) : open_(std::move(open)) {}

  // Throws what `open` and OpenRelease throw, and kConnectionLost: there was no look then, and the next may well
  // succeed. What else cannot be looked at is a finding.
  Observation Look();

 private:
  Observation LookOnce();
  struct Room {
    base::Time at;
    std::int64_t bytes;
  };

  void AddConditions(OpenRelease& open, Observation& seen);
  void AddInvariants(OpenRelease& open, Observation& seen);
  void AddUnfilled(OpenRelease& open, Observation& seen);
  void AddStream(OpenRelease& open, backup::BackupProvider* provider, bool at_rest, Observation& seen);
  void AddRestorable(OpenRelease& open, Observation& seen);
  // Until the slot has no room left, at the rate since the last time; nothing: the room does not shrink.
  std::optional<std::chrono::milliseconds> RoomLasts(std::int64_t bytes);

  const std::function<Opening()> open_;
  proof::Conditions conditions_;
  std::optional<base::Time> slow_look_;  // when what takes longer was asked last
  bool slow_ = false;                    // it is asked at this look
  std::string unread_;                   // why the stream could not be read on then
  Restorable restorable_{.can = true, .why_not = ""};
  std::optional<base::Time> ask_rows_;  // when the rows themselves are asked next: it takes a twentieth of the time
  std::vector<Finding> unfilled_;       // what was found then
  std::optional<Room> room_;
  std::optional<std::chrono::milliseconds> room_lasts_;
};

}  // namespace rollout
