// A step that takes long says how far it is, while its one statement runs.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <mutex>
#include <regex>
#include <thread>

#include "base/long_work.h"
#include "run/look.h"
#include "run/runner.h"
#include "run/stage.h"

namespace run {
namespace {

using std::chrono::milliseconds;

class ProgressTest : public Stage {
 protected:
  void SetUp() override {
    Stage::SetUp();
    base::LongWork::TellEvery(milliseconds(1));
    limits_.lock_timeout = std::chrono::minutes(1);
  }
  void TearDown() override {
    base::LongWork::TellEvery(std::chrono::seconds(10));
    Stage::TearDown();
  }

  // Runs in a thread, with what it tells kept.
  void Start(journal::Direction direction) {
    runs_ = std::thread([this, direction] {
      auto connection = Connect();
      auto journal = OpenJournal(connection, plan_.release, state_);
      const Session session{.connect = {.conninfo = url()},
                            .plan = plan_,
                            .journal = journal,
                            .tag_secret = "secret",
                            .limits = limits_,
                            .progress = [this](const Progress& progress) {
                              const std::scoped_lock lock(mutex_);
                              told_.push_back(progress.step->id + ": " + progress.text);
                            }};
      if (direction == journal::Direction::kForward) return RunTo(session, plan::Phase::kMigrate);
      Runner runner(session, direction);
      runner.Run(runner.position().BackFrom() - 1, direction);
      runner.Finish();
    });
  }
  void AwaitLine(const std::string& pattern) {
    const std::regex wanted(pattern);
    for (;; std::this_thread::sleep_for(milliseconds(1))) {
      const std::scoped_lock lock(mutex_);
      for (const std::string& line : told_) {
        if (std::regex_search(line, wanted)) return;
      }
    }
  }
  void Join() { runs_.join(); }
  std::vector<std::string> Told() {
    const std::scoped_lock lock(mutex_);
    return told_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> told_;
  std::thread runs_;
};

TEST_F(ProgressTest, AChangeOfRowsIsCountedWhileItGoesForwardAndBack) {
  auto holder = Connect();
  // The images are kept row by row, behind the statement; the one of row 2000 waits here.
  for (plan::Statement& statement : plan_.steps.at(4).forward) {
    const std::size_t at = statement.sql.find("BEGIN INSERT");
    if (at == std::string::npos) continue;
    statement.sql.insert(at + 6, "IF NEW.id = 2000 THEN PERFORM pg_advisory_xact_lock(7); END IF; ");
  }
  holder.Exec("BEGIN; SELECT pg_advisory_xact_lock(7)");
  Start(journal::Direction::kForward);
  AwaitLine("^migrate.4: [1-9][0-9]* of about [1-9][0-9]* rows");
  holder.Exec("ROLLBACK");
  Join();
  EXPECT_EQ(Position().done, plan_.EndOf(plan::Phase::kMigrate));

  holder.Exec("BEGIN; SELECT 1 FROM public.\"user \"\"accounts\"\"\" WHERE id = 2000 FOR UPDATE");
  Start(journal::Direction::kReverse);
  AwaitLine("^migrate.4: [1-9][0-9]* of 1500 rows");
  holder.Exec("ROLLBACK");
  Join();
  EXPECT_EQ(holder.Exec("SELECT max(age) FROM public.\"user \"\"accounts\"\"\"").Int(0, 0), 89);
}

TEST_F(ProgressTest, OfAStatementThatTheServerTellsNothingOfTheTimeIsTold) {
  plan_.steps.at(0).forward.push_back({"SELECT pg_advisory_xact_lock(7)"});
  auto holder = Connect();
  holder.Exec("BEGIN; SELECT pg_advisory_xact_lock(7)");
  Start(journal::Direction::kForward);
  AwaitLine("^expand.1: .*: for [0-9]");
  holder.Exec("ROLLBACK");
  Join();
}

}  // namespace
}  // namespace run
