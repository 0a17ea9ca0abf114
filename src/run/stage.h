#pragma once

#include <filesystem>
#include <string>

#include "base/process.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "postgres_test.h"
#include "run/session.h"

namespace run {

// A database with the table of HandPlan, a state directory, and a session that is made anew for each run.
class Stage : public test::PostgresTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Forward to the end of a phase, in this process.
  void Forward(plan::Phase phase);
  // Back to the end of a phase; the rows that were left alone.
  base::Json Back(plan::Phase phase);
  // The same in a child process with a failpoint armed ("run.before_commit@2=kill"); its exit code, 137 when it was
  // killed.
  int InChild(const std::string& way, plan::Phase phase, const std::string& failpoint);
  [[nodiscard]] base::Command ChildCommand(const std::string& way, plan::Phase phase,
                                           const std::string& failpoint) const;
  // The table as it was, nothing of the release in the database or the state directory.
  void Begin(int rows);
  [[nodiscard]] journal::Position Position();

  plan::Plan plan_;
  std::filesystem::path state_;
  Limits limits_;
};

void GoForward(const std::string& url, const plan::Plan& plan, const std::filesystem::path& state, const Limits& limits,
               plan::Phase phase);
base::Json GoBack(const std::string& url, const plan::Plan& plan, const std::filesystem::path& state,
                  const Limits& limits, plan::Phase phase);

}  // namespace run
