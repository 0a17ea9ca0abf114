#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "run/session.h"

namespace recover {

// The end of a release: what stands of it in the database, and whether it may go.
struct Closing {
  std::string plan;   // digest of the plan that is closed: the one it was opened with, else the one there is
  std::string ended;  // "never begun", "taken back", "complete"; empty: it stands, see `open`

  // What the way back retired, and nobody has by name any more.
  struct Left {
    std::string what;         // "column public.users.display_name"
    pg::QualifiedName table;  // where it is, or itself
    std::string column;       // its name now; empty: the table itself goes
    std::int64_t values = 0;  // not NULL, or rows
    std::optional<std::int64_t> nowhere =
        {};                     // of them, those that the old column does not tell too; nothing: not compared
    std::string hangs_on = {};  // what others made of it, which keeps it from going
  };
  std::vector<Left> left;
  bool stream = false;  // a slot or publications of its checkpoint

  // What keeps it open, and what to do about each.
  struct Open {
    std::string cause;  // "stands", "kept", "unconverted", "conflicts", "fence", "hanging", "detached"
    std::string text;
    std::string remedy;
  };
  std::vector<Open> open;
};

// Looks only; reads what is left to count it. `decided`: causes ("kept", "unconverted") whose rows a person leaves as
// the applications have them. `conflicts`: of a salvage, that nobody decided.
Closing LookToClose(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal,
                    const std::vector<std::string>& decided, std::int64_t conflicts);

// Drops what is left, the stream, and all that the bookkeeping has of the release but its journal; a line in
// switchback.closed stays. `release_backups` is called when nothing can be restored any more. Under the lease, each
// table in a short transaction. A crash leaves a release that is still to be closed, with less of it: the same command
// goes on. Throws kOpenEnds where something is open, kLeaseHeld, kOtherInputs, kLockGivenUp, kSlotBusy.
void Close(const run::Session& session, const Closing& closing, const std::filesystem::path& state,
           const std::function<void()>& release_backups);

base::Json ToJson(const Closing& closing);
std::string Text(const Closing::Left& left);

}  // namespace recover
