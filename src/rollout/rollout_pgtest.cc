#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "archiving_server.h"
#include "base/error.h"
#include "base/file.h"
#include "rollout/back.h"
#include "rollout/checkpoint.h"
#include "rollout/close.h"
#include "rollout/facts.h"
#include "rollout/forward.h"
#include "rollout/make_plan.h"
#include "rollout/plan_file.h"
#include "rollout/restore.h"
#include "rollout/standing.h"
#include "rollout/watch.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;

// Two releases, of a table each, on one server, and no program.
class RolloutTest : public testing::Test {
 protected:
  RolloutTest() : root_(made_.workspace.path() / "project") {
    pg::Connection connection = Connect();
    for (const std::string table : {"one", "two"}) {
      connection.Exec(fmt::format("CREATE TABLE public.{} (id int PRIMARY KEY, old int NOT NULL)", table));
      connection.Exec(fmt::format("INSERT INTO public.{} SELECT i, i FROM generate_series(1, 3000) AS i", table));
    }
    base::MakeDirectories(root_ / "releases", 0755);
    base::WriteFile(root_ / "switchback.yaml", fmt::format("version: 1\nbackup: {{provider: local, repository: {}}}\n",
                                                           made_.repository.string()));
    for (const std::string name : {"one", "two"}) {
      const fs::path directory = root_ / "releases" / name;
      base::MakeDirectories(directory, 0755);
      base::WriteFile(directory / "release.yaml",
                      "version: 1\nowner: oncall@example.com\nrollback_window: 24h\nchange: change.sql\n");
      base::WriteFile(directory / "change.sql", fmt::format("ALTER TABLE {} RENAME COLUMN old TO new;\n", name));
    }
  }

  [[nodiscard]] pg::Connection Connect() const { return made_.Connect(made_.server.Url()); }
  [[nodiscard]] bool HasNew(const std::string& table) const {
    return Connect()
               .Query("SELECT 1 FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'new'",
                      {"public." + table})
               .rows() > 0;
  }

  // Makes its plan where there is none. What is told of it is kept.
  Opening Of(const std::string& name, base::Stop stop = nullptr) {
    const release::Project project = release::LoadProject(root_, {});
    const release::Release release = release::LoadRelease(root_ / "releases" / name);
    const pg::ConnectOptions target{.conninfo = made_.server.Url(), .stop = stop};
    if (!LoadPlan(release)) {
      pg::Connection connection = rollout::Connect(target, project.environment);
      EXPECT_TRUE(MakePlan(release, project.StateOf(name), connection).written);
    }
    std::string& told = told_[name];
    return {.project = project,
            .release = release,
            .target = target,
            .tell = [&told](base::LogLevel, const std::string& text) { told += text + "\n"; }};
  }
  void TakeCheckpointOf(const std::string& name) {
    OpenRelease open(Of(name));
    EXPECT_TRUE(NeedsCheckpoint(open));
    TakeCheckpoint(open, {});
    EXPECT_FALSE(NeedsCheckpoint(open));
  }

  test::ArchivingServer made_;
  const fs::path root_;
  std::map<std::string, std::string> told_ = {{"one", ""}, {"two", ""}};
};

template <typename Call>
std::optional<base::Code> CodeOf(const Call& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error.code();
  }
  return std::nullopt;
}

std::vector<plan::Phase> PhasesOf(const ForwardReport& report) {
  std::vector<plan::Phase> phases;
  for (const ForwardReport::Done& done : report.phases) phases.push_back(done.phase);
  return phases;
}

TEST_F(RolloutTest, TwoReleasesGoForwardAndBackInOneProcess) {
  TakeCheckpointOf("one");
  TakeCheckpointOf("two");
  const auto forward = [this](Opening opening) {
    OpenRelease open(std::move(opening));
    const ForwardReport report = Forward(open, {});
    EXPECT_EQ(PhasesOf(report), (std::vector{plan::Phase::kExpand, plan::Phase::kMigrate}));
    EXPECT_TRUE(report.position.AtBoundary(open.plan()));
    EXPECT_TRUE(HasNew(open.release().name));
    const BackReport back = Back(open, {});
    EXPECT_EQ(back.position.done, 0U);
    EXPECT_GT(back.undo.steps, 0U);
    EXPECT_FALSE(HasNew(open.release().name));
    EXPECT_EQ(PhasesOf(Forward(open, {.until = plan::Phase::kExpand})), std::vector{plan::Phase::kExpand});
  };
  Opening of_one = Of("one");
  auto one = std::async(std::launch::async, forward, std::move(of_one));
  forward(Of("two"));
  one.get();
  EXPECT_NE(told_["one"].find("migrate is done"), std::string::npos) << told_["one"];
  EXPECT_NE(told_["two"].find("migrate is done"), std::string::npos) << told_["two"];
}

TEST_F(RolloutTest, AStopTokenEndsItsReleaseAndNoOther) {
  TakeCheckpointOf("one");
  TakeCheckpointOf("two");
  std::atomic<bool> stop = false;
  Opening opening = Of("one", &stop);
  opening.progress = [&stop](const run::Progress& progress) {
    if (progress.step->phase == plan::Phase::kMigrate) stop = true;
  };
  {
    OpenRelease one(std::move(opening));
    OpenRelease two(Of("two"));
    EXPECT_EQ(CodeOf([&] { Forward(one, {}); }), base::Code::kInterrupted);
    EXPECT_GE(one.Position().done, one.plan().EndOf(plan::Phase::kExpand));
    EXPECT_LT(one.Position().done, one.plan().EndOf(plan::Phase::kMigrate));
    EXPECT_EQ(PhasesOf(Forward(two, {})).size(), 2U);
  }
  OpenRelease again(Of("one"));
  EXPECT_EQ(PhasesOf(Forward(again, {})), std::vector{plan::Phase::kMigrate});
}

TEST_F(RolloutTest, WhatWasWrittenBesideTheTriggersIsToldByTheWayBack) {
  TakeCheckpointOf("one");
  OpenRelease one(Of("one"));
  Forward(one, {});
  Connect().Exec(
      "UPDATE public.one SET new = 7000 WHERE id = 1; SET session_replication_role = replica; "
      "UPDATE public.one SET new = 9000 WHERE id <= 3");
  const BackReport back = Back(one, {});
  ASSERT_EQ(back.beside.size(), 1U);
  EXPECT_EQ(back.beside[0].column, "new");
  EXPECT_EQ(back.beside[0].rows, 3);
  EXPECT_NE(recover::Text(back.beside).find("public.one: 3 rows have in new what the old column does not tell"),
            std::string::npos);
  Forward(one, {});
  EXPECT_TRUE(Back(one, {}).beside.empty());
}

TEST_F(RolloutTest, AnEditedChangeIsSaidOnceSomethingIsDone) {
  TakeCheckpointOf("one");
  const auto open_edited = [this] {
    Opening opening = Of("one");
    opening.release.change_sql += "-- another text\n";
    const OpenRelease open(std::move(opening));
  };
  open_edited();
  EXPECT_EQ(told_["one"].find("was edited"), std::string::npos) << told_["one"];
  {
    OpenRelease open(Of("one"));
    Forward(open, {});
  }
  EXPECT_EQ(told_["one"].find("was edited"), std::string::npos) << told_["one"];
  open_edited();
  EXPECT_NE(told_["one"].find("was edited since the release was begun"), std::string::npos) << told_["one"];
}

TEST_F(RolloutTest, ADetachedPartitionKeepsTheReleaseOpen) {
  Connect().Exec(
      "DROP TABLE public.one; CREATE TABLE public.one (id int PRIMARY KEY, old int) PARTITION BY RANGE (id); CREATE "
      "TABLE "
      "public.one_a PARTITION OF public.one FOR VALUES FROM (0) TO (9); INSERT INTO public.one VALUES (1, 1)");
  TakeCheckpointOf("one");
  OpenRelease one(Of("one"));
  Forward(one, {});
  Connect().Exec("ALTER TABLE public.one DETACH PARTITION public.one_a");
  Back(one, {});
  const auto open = Close(one, {.dry_run = true}).closing.open;
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].cause, "detached");
  EXPECT_NE(open[0].text.find("public.one_a is no partition of public.one any more"), std::string::npos)
      << open[0].text;
}

TEST_F(RolloutTest, AGateHoldsAndAPhaseHasItsTurn) {
  OpenRelease open(Of("one"));
  EXPECT_FALSE(Measure(open, gate::Phase::kExpand).checkpoint);
  EXPECT_NE(Judge(open, gate::Phase::kExpand).decision, gate::Decision::kGo);
  EXPECT_TRUE(CodeOf([&] { Forward(open, {}); }));
  EXPECT_EQ(CodeOf([&] { Forward(open, {.until = plan::Phase::kMigrate, .in_order = true}); }),
            base::Code::kPhaseOrder);
  TakeCheckpoint(open, {});
  const gate::Verdict verdict = Judge(open, gate::Phase::kExpand);
  EXPECT_EQ(verdict.decision, gate::Decision::kGo) << gate::Text(verdict);
  EXPECT_FALSE(HasNew("one"));
}

TEST_F(RolloutTest, AWatchTellsWhatCameAndEndsWithItsToken) {
  TakeCheckpointOf("one");
  {
    OpenRelease open(Of("one"));
    Forward(open, {});
  }
  std::atomic<bool> stop = false;
  Watcher watcher([&] { return Of("one", &stop); });
  EXPECT_EQ(Watch(watcher, {.once = true}).looks, 1);
  std::vector<std::string> came;
  const auto watch = [&] {
    Watch(watcher, {.every = std::chrono::milliseconds(10),
                    .stop = &stop,
                    .begins =
                        [&](const Observation&) {
                          Connect().Exec("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
                        },
                    .came =
                        [&](const Finding& finding) {
                          came.push_back(finding.about);
                          stop = true;
                        }});
  };
  EXPECT_EQ(CodeOf(watch), base::Code::kInterrupted);
  EXPECT_EQ(came, std::vector<std::string>{"stream"});
}

TEST_F(RolloutTest, StandsAndIsClosed) {
  const release::Project project = release::LoadProject(root_, {});
  const release::Release release = release::LoadRelease(root_ / "releases/one");
  EXPECT_FALSE(Look(project, release, nullptr).plan);
  TakeCheckpointOf("one");
  pg::Connection connection = Connect();
  const Standing standing = Look(project, release, &connection);
  ASSERT_TRUE(standing.open);
  EXPECT_TRUE(standing.open->checkpoint);
  EXPECT_TRUE(standing.open->slot);
  EXPECT_EQ(standing.next, "switchback expand one");
  EXPECT_TRUE(LookAtCheckpoint(project.environment, project.StateOf("one")).restorable->can.value_or(false));
  OpenRelease open(Of("one"));
  EXPECT_TRUE(Close(open, {.dry_run = true}).closing.open.empty());
  EXPECT_EQ(Close(open, {}).closing.ended, "never begun");
  EXPECT_EQ(Close(open, {}).before->ended, "never begun");
  EXPECT_TRUE(Look(project, release, &connection).closed);
}

TEST_F(RolloutTest, IsRestoredBesideItsServerAndCarriedOver) {
  TakeCheckpointOf("one");
  {
    OpenRelease open(Of("one"));
    Forward(open, {});
  }
  Connect().Exec("UPDATE public.one SET old = -1 WHERE id = 7");
  const release::Project project = release::LoadProject(root_, {});
  const release::Release release = release::LoadRelease(root_ / "releases/one");
  const RestoreGround ground{
      .project = project, .release = release, .old_server = pg::ConnectOptions{.conninfo = made_.server.Url()}};
  EXPECT_EQ(CountLoss(ground).account.applications, 1);
  const RestoreDone done = Restore(ground, {.directory = made_.workspace.path() / "new", .salvage = true});
  ASSERT_TRUE(done.carried_over);
  EXPECT_TRUE(done.carried_over->to_fence);
  pg::Connection restored = made_.Connect(done.url);
  EXPECT_EQ(restored.Exec("SELECT old FROM public.one WHERE id = 7").Text(0, 0), "-1");
  made_.provider.Discard(done.restored->restored);
}

}  // namespace
}  // namespace rollout
