#include "run/look.h"

#include "base/error.h"
#include "journal/mirror.h"
#include "pg/transaction.h"
#include "run/rewind.h"
#include "run/search_path.h"

namespace run {
namespace {

bool Ask(pg::Connection& connection, const plan::Condition& condition, const std::string& search_path) {
  connection.Exec("SAVEPOINT ask");
  bool holds = false;
  try {
    SetSearchPath(connection, search_path);
    const auto answer = connection.Exec(condition.sql);
    holds = answer.rows() == 1 && !answer.IsNull(0, 0) && answer.Bool(0, 0);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kStatementFailed) throw;
  }
  connection.Exec("ROLLBACK TO SAVEPOINT ask; RELEASE SAVEPOINT ask");
  return holds;
}

}  // namespace

bool Holds(pg::Connection& connection, const plan::Condition& condition, const std::string& search_path) {
  if (condition.sql.empty()) return true;
  if (connection.InTransaction()) return Ask(connection, condition, search_path);
  pg::Transaction transaction(connection, pg::Transaction::Isolation::kReadCommitted, true);
  return Ask(connection, condition, search_path);
}

journal::Journal OpenJournal(pg::Connection& connection, const std::string& release,
                             const std::filesystem::path& directory) {
  // The mirror first: a run that goes on meanwhile writes a line into the file before it does so there.
  std::vector<std::string> mirrored;
  if (journal::SchemaInstalled(connection)) mirrored = journal::MirroredLines(connection, release);
  auto journal = journal::Journal::Open(directory);
  journal.Follow(mirrored);
  SeeRewind(connection, journal, mirrored.size());
  return journal;
}

journal::Found Look(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal) {
  journal::Found found;
  if (journal::SchemaInstalled(connection)) {
    const auto mirrored = journal::MirroredLines(connection, plan.release);
    journal::CheckMirrorIsPrefix(journal, mirrored);
    for (std::size_t i = 0; i < mirrored.size(); ++i) {
      const journal::Event& event = journal.events()[i];
      if (event.kind == "intent") found.mirrored_intents.insert(event.seq);
    }
  }
  const auto ask = [&](std::size_t index, bool forward, bool reverse) {
    const plan::Step& step = plan.steps[index];
    if (forward && !step.postcondition.of_rows)
      found.postcondition[step.id] = Holds(connection, step.postcondition, step.search_path);
    if (reverse) found.reverse_postcondition[step.id] = Holds(connection, step.reverse_postcondition, step.search_path);
  };
  const journal::Questions questions = journal::QuestionsFor(plan, journal.events());
  if (questions.last_done) ask(*questions.last_done, true, false);
  if (questions.last_undone) ask(*questions.last_undone, false, true);
  if (questions.in_flight) ask(*questions.in_flight, true, true);
  return found;
}

journal::Position WhereItStands(pg::Connection& connection, const plan::Plan& plan, const journal::Journal& journal) {
  return journal::Derive(plan, journal.events(), Look(connection, plan, journal));
}

}  // namespace run
