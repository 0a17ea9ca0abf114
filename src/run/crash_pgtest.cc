#include <fmt/core.h>

#include "run/hand_plan.h"
#include "run/stage.h"

// kill -9 at every failpoint of every step, each followed by the way forward and, again, by the way back: what stands
// in the end is what a run without a crash gives.
namespace run {
namespace {

constexpr int kKilled = 137;
constexpr const char* kStepFailpoints[] = {"run.before_intent", "run.after_intent", "run.before_commit",
                                           "run.after_commit"};

class Crash : public Stage {
 protected:
  void SetUp() override {
    Stage::SetUp();
    limits_.lock_retries = 20;
    Compare(3000);
  }

  // What a run without a crash gives, for a table of that size.
  void Compare(int rows) {
    rows_ = rows;
    Begin(rows_);
    auto connection = Connect();
    start_ = Seen(connection, false);
    Forward(plan::Phase::kContract);
    end_ = Seen(connection, true);
    ASSERT_EQ(Back(plan::Phase::kStart).size(), 0U);
    ASSERT_EQ(Seen(connection, false), start_);
  }

  void Expect(const std::string& failpoint, const std::string& seen, const std::string& wanted, bool at_end) {
    EXPECT_EQ(seen, wanted) << failpoint;
    const auto position = Position();
    EXPECT_NE(position.state, journal::Position::State::kDrifted) << failpoint << position.problem;
    EXPECT_FALSE(position.half) << failpoint;
    EXPECT_EQ(position.done, at_end ? plan_.steps.size() : 0U) << failpoint;
  }

  // Killed on its way forward; then on to the end, and another time back to the start.
  void KillForward(const std::string& failpoint) {
    for (const bool on : {true, false}) {
      Begin(rows_);
      ASSERT_EQ(InChild("forward", plan::Phase::kContract, failpoint + "=kill"), kKilled)
          << failpoint << " never fired";
      if (on) {
        Forward(plan::Phase::kContract);
      } else {
        Back(plan::Phase::kStart);
      }
      auto connection = Connect();
      Expect(failpoint, Seen(connection, on), on ? end_ : start_, on);
    }
  }

  // Killed on its way back; then on to the start, and another time forward to the end again.
  void KillBack(const std::string& failpoint) {
    for (const bool on : {true, false}) {
      Begin(rows_);
      Forward(plan::Phase::kContract);
      ASSERT_EQ(InChild("back", plan::Phase::kStart, failpoint + "=kill"), kKilled) << failpoint << " never fired";
      if (on) {
        Back(plan::Phase::kStart);
      } else {
        Forward(plan::Phase::kContract);
      }
      auto connection = Connect();
      Expect(failpoint, Seen(connection, !on), on ? start_ : end_, !on);
    }
  }

  int rows_ = 0;
  std::string start_;
  std::string end_;
};

TEST_F(Crash, AtEveryFailpointOfEveryStepForward) {
  for (const char* failpoint : kStepFailpoints) {
    for (std::size_t step = 1; step <= plan_.steps.size(); ++step) {
      KillForward(fmt::format("{}@{}", failpoint, step));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(Crash, InsideTheBackfill) {
  Compare(60'000);
  for (const int batch : {1, 2}) KillForward(fmt::format("backfill.batch@{}", batch));
}

TEST_F(Crash, AtEveryFailpointOnTheWayBack) {
  for (const char* failpoint : kStepFailpoints) {
    for (std::size_t step = 1; step <= plan_.steps.size(); step += 3) {
      KillBack(fmt::format("{}@{}", failpoint, step));
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(Crash, WithTheJournalGoneItIsReadFromItsMirror) {
  for (const std::size_t step : {2U, 3U, 6U}) {
    Begin(rows_);
    ASSERT_EQ(InChild("forward", plan::Phase::kContract, fmt::format("run.after_commit@{}=kill", step)), kKilled);
    std::filesystem::remove(state_ / "journal.jsonl");
    Forward(plan::Phase::kContract);
    auto connection = Connect();
    Expect("from the mirror", Seen(connection, true), end_, true);
    EXPECT_EQ(journal::Journal::Open(state_).Last("parted"), nullptr);
  }
}

}  // namespace
}  // namespace run
