#include "rollout/stream_term.h"

#include <fmt/core.h>

#include <set>

#include "base/error.h"
#include "checkpoint/stream.h"
#include "journal/mirror.h"
#include "rollout/advice.h"
#include "rollout/plan_file.h"
#include "rollout/sql_text.h"
#include "rollout/window.h"
#include "run/identity.h"
#include "run/look.h"
#include "run/rewind.h"
#include "salvage/fence.h"
#include "stream/spool.h"

namespace rollout {
namespace {

void DropStreamAt(pg::Connection& connection, const std::string& hex, const std::filesystem::path& state) {
  checkpoint::DropStream(connection, hex);
  stream::RemoveSpools(state);
}

bool BeganHere(const journal::Journal& journal, const run::Identity& here) {
  const journal::Event* opened = journal.Last("opened");
  return opened != nullptr && opened->body.value("system_identifier", "") == here.system_identifier &&
         opened->body.value("database", "") == here.database;
}

// What a look at all releases needs of the database.
struct Ground {
  OpenRelease& open;
  run::Identity here;
  std::set<std::string> streams;  // hex of the releases that have a part of one
};

void DropIfOver(const Ground& ground, const std::filesystem::path& directory, const std::filesystem::path& state) {
  pg::Connection& connection = ground.open.connection();
  const auto journal = run::OpenJournal(connection, directory.filename(), state);
  if (!BeganHere(journal, ground.here)) return;
  const release::Release release = release::LoadRelease(directory);
  const std::optional<plan::Plan> plan = FindPlan(release, journal, &connection);
  std::error_code ignored;
  if (!plan || (ground.streams.count(plan->hex) == 0 && !std::filesystem::exists(state / "stream", ignored))) return;
  if (!TermOf(release, *plan, journal, run::WhereItStands(connection, *plan, journal)).over) return;
  DropStreamAt(connection, plan->hex, state);
  ground.open.Inform(fmt::format("the stream of {} is dropped: its rollback window is over", release.name));
}

}  // namespace

StreamTerm TermOf(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                  const journal::Position& position) {
  StreamTerm term;
  term.complete =
      position.done == plan.steps.size() && !position.half && position.state != journal::Position::State::kDrifted;
  if (!term.complete) return term;
  const bool nothing_left = plan.steps.empty() || plan.steps.back().phase == plan::Phase::kPurge;
  if (nothing_left || WindowClosed(journal)) {
    term.over = true;
    return term;
  }
  const std::optional<base::Time> ended = DoneAt(journal, plan.steps.back().id);
  if (ended && release.rollback_window) term.until = *ended + *release.rollback_window;
  term.over = term.until && base::Now() >= *term.until;
  return term;
}

std::string ShowKept(const std::string& release, const StreamTerm& term) {
  return fmt::format(
      "the slot is kept {}, for a restore that brings back what applications wrote; `switchback purge {}` drops it",
      term.until ? "until " + base::FormatTime(*term.until) : "without an end", release);
}

void CloseWindow(OpenRelease& open) {
  const StreamTerm term = TermOf(open.release(), open.plan(), open.journal(), open.Position());
  if (!term.complete || term.over) return;
  if (salvage::LookAtFence(open.connection()).tables > 0) {
    throw base::Error(base::Code::kGateNoGo, "the rollback window stays open while applications cannot write here")
        .Detail("the fence of a cut-over stands, and what it needs would be dropped")
        .Hint(fmt::format("`switchback status {}` says how it stands.", open.release().name));
  }
  open.journal().Append("window_closed", {{"plan", open.plan().digest}});
}

void DropStreamOf(OpenRelease& open) { DropStreamAt(open.connection(), open.plan().hex, open.state()); }

void DropStreamsOver(OpenRelease& open) {
  if (salvage::LookAtFence(open.connection()).tables > 0) return;
  Ground ground{.open = open, .here = run::ReadIdentity(open.connection()), .streams = {}};
  const pg::Result rows = open.connection().Query(std::string(sql_text::kReadStreams));
  for (int row = 0; row < rows.rows(); ++row) ground.streams.insert(rows.Text(row, 0));
  for (const std::filesystem::path& directory : release::ReleaseDirectories(open.project())) {
    const std::string name = directory.filename().string();
    if (name == open.release().name) continue;
    try {
      DropIfOver(ground, directory, open.project().StateOf(name));
    } catch (const base::Error& error) {
      if (open.connection().Broken()) throw;
      open.Inform(fmt::format("whether the stream of {} is over was not found out: {}", name, error.message()));
    }
  }
}

}  // namespace rollout
