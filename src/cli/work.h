#pragma once

#include <memory>
#include <string>

#include "cli/context.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "run/session.h"

namespace cli {

// All that a command needs that moves a release: its plan, its journal, a connection for looking, and the session for
// the rooms that do the work. Neither copied nor moved: the session refers to plan and journal.
class Work {
 public:
  // Throws kNoPlan, kJournalForked, kUntrusted, and what connecting throws.
  explicit Work(Context& context);
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  [[nodiscard]] const release::Release& release() const { return release_; }
  [[nodiscard]] const plan::Plan& plan() const { return plan_; }
  [[nodiscard]] journal::Journal& journal() { return journal_; }
  [[nodiscard]] pg::Connection& connection() { return connection_; }
  [[nodiscard]] const std::filesystem::path& state() const { return state_; }
  [[nodiscard]] run::Session& session() { return session_; }
  [[nodiscard]] journal::Position Position();

 private:
  const release::Release& release_;
  std::filesystem::path state_;
  plan::Plan plan_;
  pg::Connection connection_;
  journal::Journal journal_;
  run::Session session_;
};

}  // namespace cli
