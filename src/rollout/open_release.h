#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/stop.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "release/project.h"
#include "release/release.h"
#include "run/session.h"

namespace rollout {

// Takes what is told to people while something goes on, a sentence each.
using Tell = std::function<void(base::LogLevel level, const std::string& text)>;

// The environment that a release passes before this one.
struct Before {
  release::Project project;                       // with it
  std::optional<pg::ConnectOptions> target = {};  // nothing: it is not known from here
};

// All that a release is opened with. Nothing else is asked for: no variable, no working directory, no signal.
struct Opening {
  release::Project project;  // with the environment
  release::Release release;
  base::Json by = {};         // who opens it, for the journal
  pg::ConnectOptions target;  // its stop token, too: it ends what goes on at the next safe point, with kInterrupted
  std::optional<Before> before = {};                        // nothing: none comes first
  Tell tell = {};                                           // may be empty
  std::function<void(const run::Progress&)> progress = {};  // as in run::Session
};

// A session for looking. Throws kOtherRole, and kUntrusted where our schemas there are not ours.
pg::Connection Connect(const pg::ConnectOptions& target, const release::Environment& environment);

// A release that can be moved: its plan, its journal, a connection for looking, and the session for the rooms that do
// the work. Neither copied nor moved: the session refers to plan and journal. Several may be open in one process, a
// thread each.
class OpenRelease {
 public:
  // With what another checkout left in the database, where this one lacks it: lines of the journal, the plan that was
  // begun, checkpoint.json. Throws kJournalForked, kUntrusted, kNoPlan, and what connecting throws.
  explicit OpenRelease(Opening opening);
  // Brings to the database what its journal lacks there, so that every checkout has it.
  ~OpenRelease();
  OpenRelease(const OpenRelease&) = delete;
  OpenRelease& operator=(const OpenRelease&) = delete;

  [[nodiscard]] const release::Project& project() const { return opening_.project; }
  [[nodiscard]] const release::Environment& environment() const { return opening_.project.environment; }
  [[nodiscard]] const release::Release& release() const { return opening_.release; }
  [[nodiscard]] const std::optional<Before>& before() const { return opening_.before; }
  [[nodiscard]] const plan::Plan& plan() const { return plan_; }
  [[nodiscard]] journal::Journal& journal() { return journal_; }
  [[nodiscard]] pg::Connection& connection() { return connection_; }
  [[nodiscard]] const std::filesystem::path& state() const { return state_; }
  [[nodiscard]] run::Session& session() { return session_; }
  [[nodiscard]] journal::Position Position();

  // Whether the last look at the stream waited for another reader of it in vain; then the next one, whose ever, does
  // not.
  [[nodiscard]] bool& waited_in_vain() { return waited_in_vain_; }

  void Inform(const std::string& text) const { Say(base::LogLevel::kInfo, text); }
  void Warn(const std::string& text) const { Say(base::LogLevel::kWarning, text); }

 private:
  void Say(base::LogLevel level, const std::string& text) const;

  const Opening opening_;
  std::filesystem::path state_;
  pg::Connection connection_;
  journal::Journal journal_;
  plan::Plan plan_;
  run::Session session_;
  bool waited_in_vain_ = false;
};

// A sentence where the change is another text than the one whose plan was begun; empty: it is that one, or nothing of
// it is done.
std::string EditedSince(const release::Release& release, const journal::Journal& journal);

}  // namespace rollout
