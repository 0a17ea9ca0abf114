#include "cli/stream_term.h"

#include <fmt/core.h>

#include <set>

#include "base/error.h"
#include "base/log.h"
#include "checkpoint/stream.h"
#include "cli/sql_text.h"
#include "journal/mirror.h"
#include "rollout/advice.h"
#include "rollout/plan_file.h"
#include "rollout/window.h"
#include "run/identity.h"
#include "run/look.h"
#include "run/rewind.h"
#include "salvage/fence.h"
#include "stream/spool.h"

namespace cli {
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
  pg::Connection& connection;
  run::Identity here;
  std::set<std::string> streams;  // hex of the releases that have a part of one
};

void DropIfOver(const Ground& ground, const std::filesystem::path& directory, const std::filesystem::path& state) {
  auto journal = journal::Journal::Open(state);
  if (!BeganHere(journal, ground.here)) return;
  const release::Release release = release::LoadRelease(directory);
  const std::optional<plan::Plan> plan = rollout::LoadPlan(release);
  std::error_code ignored;
  if (!plan || (ground.streams.count(plan->hex) == 0 && !std::filesystem::exists(state / "stream", ignored))) return;
  run::SeeRewind(ground.connection, journal, journal::MirroredLines(ground.connection, release.name).size());
  if (!TermOf(release, *plan, journal, run::WhereItStands(ground.connection, *plan, journal)).over) return;
  DropStreamAt(ground.connection, plan->hex, state);
  base::Info("the stream of {} is dropped: its rollback window is over", release.name);
}

}  // namespace

StreamTerm TermOf(const release::Release& release, const plan::Plan& plan, const journal::Journal& journal,
                  const journal::Position& position) {
  StreamTerm term;
  term.complete =
      position.done == plan.steps.size() && !position.half && position.state != journal::Position::State::kDrifted;
  if (!term.complete) return term;
  const bool nothing_left = plan.steps.empty() || plan.steps.back().phase == plan::Phase::kPurge;
  if (nothing_left || rollout::WindowClosed(journal)) {
    term.over = true;
    return term;
  }
  const std::optional<base::Time> ended = rollout::DoneAt(journal, plan.steps.back().id);
  if (ended && release.rollback_window) term.until = *ended + *release.rollback_window;
  term.over = term.until && base::Now() >= *term.until;
  return term;
}

std::string ShowKept(const std::string& release, const StreamTerm& term) {
  return fmt::format(
      "the slot is kept {}, for a restore that brings back what applications wrote; `switchback purge {}` drops it",
      term.until ? "until " + base::FormatTime(*term.until) : "without an end", release);
}

void CloseWindow(Work& work) {
  const StreamTerm term = TermOf(work.release(), work.plan(), work.journal(), work.Position());
  if (!term.complete || term.over) return;
  if (salvage::LookAtFence(work.connection()).tables > 0) {
    throw base::Error(base::Code::kGateNoGo, "the rollback window stays open while applications cannot write here")
        .Detail("the fence of a cut-over stands, and what it needs would be dropped")
        .Hint(fmt::format("`switchback status {}` says how it stands.", work.release().name));
  }
  work.journal().Append("window_closed", {{"plan", work.plan().digest}});
}

void DropStreamOf(Work& work) { DropStreamAt(work.connection(), work.plan().hex, work.state()); }

void DropStreamsOver(Context& context, Work& work) {
  if (salvage::LookAtFence(work.connection()).tables > 0) return;
  Ground ground{.connection = work.connection(), .here = run::ReadIdentity(work.connection()), .streams = {}};
  const pg::Result rows = work.connection().Query(std::string(sql_text::kReadStreams));
  for (int row = 0; row < rows.rows(); ++row) ground.streams.insert(rows.Text(row, 0));
  for (const std::filesystem::path& directory : ReleaseDirectories(context.project())) {
    const std::string name = directory.filename().string();
    if (name == work.release().name) continue;
    try {
      DropIfOver(ground, directory, context.project().StateOf(name));
    } catch (const base::Error& error) {
      if (work.connection().Broken()) throw;
      base::Info("whether the stream of {} is over was not found out: {}", name, error.message());
    }
  }
}

}  // namespace cli
