// What a release leaves standing when its steps are done: its stream, a restored server, and the fence of a cut-over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "needs_programs.h"
#include "served_project.h"

namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A release of one opaque statement, with damage that it declares: nothing of it is left for purge.
class Standing : public testing::Test {
 protected:
  void SetUp() override {
    project_.Connect().Exec(
        "CREATE TABLE public.orders(id int PRIMARY KEY, total int);"
        "INSERT INTO public.orders SELECT g, g FROM generate_series(1, 9) g");
    directory_ = project_.MakeRelease(
        "spoil", "DO $$ BEGIN UPDATE public.orders SET total = total * 1000 WHERE id <= 3; END $$;\n");
    base::WriteFile(directory_ / "release.yaml",
                    base::ReadFile(directory_ / "release.yaml") +
                        "opaque:\n  - {statement: 1, down: \"SELECT 1\", writes: {orders: [total]}}\n");
    project_.MakeRelease("other", "ALTER TABLE public.orders ADD COLUMN note text;\n");
    On({"plan", "other"}, 0);
    On({"run", "spoil"}, 0);
    project_.Connect().Exec(
        "UPDATE public.orders SET total = 7 WHERE id IN (2, 8); INSERT INTO public.orders VALUES (10, 1)");
  }

  base::Json On(const std::vector<std::string>& words, int exit) {
    const base::Json said = project_.On(words);
    EXPECT_EQ(said["exit"], exit) << words.front() << "\n" << said.dump(2);
    return said;
  }
  std::string Status() { return project_.Say({"status", "spoil"}).out; }
  std::int64_t Streams() {
    return project_.Connect()
        .Exec("SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)")
        .Int(0, 0);
  }

  test::ServedProject project_;
  std::filesystem::path directory_;
};

TEST_F(Standing, TheStreamOutlivesTheLastStepForTheLengthOfTheWindow) {
  EXPECT_THAT(Status(), AllOf(HasSubstr("complete, 1 of 1 steps done"), HasSubstr("the slot is kept until 20"),
                              HasSubstr("rollback window: open until")));
  EXPECT_THAT(project_.Say({"run", "spoil"}).out, HasSubstr("`switchback purge spoil` drops it"));
  On({"checkpoint", "other"}, 0);
  EXPECT_EQ(Streams(), 4) << "both releases have theirs";
  const base::Json loss = On({"restore", "spoil", "--dry-run"}, 0)["result"]["loss"];
  EXPECT_EQ(loss["evidenced_by"], "slot");
  EXPECT_EQ(loss["applications"], 1) << loss.dump(2);

  // The next command of any release ends it when the window is over.
  const std::string release = base::ReadFile(directory_ / "release.yaml");
  base::WriteFile(directory_ / "release.yaml", std::string(release).replace(release.find("24h"), 3, "1ms"));
  EXPECT_THAT(Status(), AllOf(HasSubstr("rollback window: ended"), HasSubstr("the next run or checkpoint drops it")));
  EXPECT_EQ(Streams(), 4) << "status only looks";
  On({"run", "other"}, 0);
  EXPECT_EQ(Streams(), 2);
  EXPECT_FALSE(std::filesystem::exists(project_.State("spoil") / "stream"));
  EXPECT_TRUE(std::filesystem::exists(project_.State("other") / "stream"));
  EXPECT_THAT(Status(), Not(HasSubstr("stream:")));
}

TEST_F(Standing, PurgeEndsTheWindowOfAReleaseThatHasNothingToPurge) {
  EXPECT_EQ(Streams(), 2);
  On({"run", "spoil", "--until", "purge"}, 0);
  EXPECT_EQ(Streams(), 2) << "nobody closed the window";
  On({"purge", "spoil"}, 0);
  EXPECT_EQ(Streams(), 0);
  EXPECT_FALSE(std::filesystem::exists(project_.State("spoil") / "stream"));
  EXPECT_THAT(Status(), AllOf(HasSubstr("rollback window: closed"), Not(HasSubstr("stream:"))));
}

}  // namespace
