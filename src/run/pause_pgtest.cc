#include <thread>

#include "journal/journal.h"
#include "run/stage.h"

namespace run {
namespace {

class PauseTest : public Stage {};

TEST_F(PauseTest, AHeldBackfillStandsInTheJournalAndTheReleaseGoesOn) {
  limits_.throttle.every = std::chrono::milliseconds(50);
  Forward(plan::Phase::kExpand);
  auto person = Connect();
  person.Exec("INSERT INTO switchback.pause (release, asked_by) SELECT name, 'ada@host' FROM switchback.release");
  std::thread resumes([&] {
    for (int i = 0; i < 200; ++i) {
      if (person.Exec("SELECT bool_or(waits_for IS NOT NULL) FROM switchback.progress").Text(0, 0) == "t") break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    person.Exec("DELETE FROM switchback.pause");
  });
  Forward(plan::Phase::kContract);
  resumes.join();
  const auto journal = journal::Journal::Open(state_);
  const journal::Event* paused = journal.Last("paused");
  ASSERT_NE(paused, nullptr);
  EXPECT_EQ(paused->body.at("step"), "migrate.1");
  EXPECT_EQ(paused->body.at("fact"), "pause");
  EXPECT_TRUE(paused->body.at("reason").get<std::string>().starts_with("ada@host")) << paused->body;
  EXPECT_EQ(paused->body.at("times"), 1);
  EXPECT_EQ(Position().done, plan_.steps.size());
  EXPECT_EQ(person.Exec("SELECT count(*) FROM switchback.backfill_state").Int(0, 0), 0);
}

}  // namespace
}  // namespace run
