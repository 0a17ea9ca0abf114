#include <gmock/gmock.h>

#include "archiving_server.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "checkpoint/take.h"
#include "needs_programs.h"
#include "recover/as_migration.h"
#include "recover/restore.h"
#include "recover/salvage.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string Text(pg::Connection& connection, const std::string& sql) { return connection.Query(sql).Text(0, 0); }

class RestoreTest : public testing::Test {
 protected:
  RestoreTest() : source_(made_.Connect(made_.server.Url())) {
    source_.Exec("CREATE DATABASE \"Shop's\"");
    url_ = made_.server.Url("Shop's");
    source_ = made_.Connect(url_);
    source_.Exec("CREATE TABLE public.t(id int PRIMARY KEY, v text); INSERT INTO public.t VALUES (1, 'good')");
    plan_.release = "20261122-name";
    plan_.hex = "1a2b3c4d";
    plan_.digest = "sha256:of-the-plan";
    plan_.tables = {{"public", "t"}};
    options_.conninfo = url_;
    options_.state = made_.workspace.path() / "state";
    options_.directory = made_.workspace.path() / "restored";
  }

  void SetUp() override {
    if (const auto missing = test::MissingPrograms(test::kBackupPrograms)) GTEST_SKIP() << *missing;
  }

  checkpoint::Checkpoint TakeCheckpoint() {
    journal::Journal journal = journal::Journal::Open(options_.state);
    checkpoint::Options options;
    options.conninfo = url_;
    options.state = options_.state;
    options.content_hash = true;
    return checkpoint::Take(plan_, options, made_.provider, journal);
  }

  // A release that spoils the table, and an application that goes on.
  void Spoil() {
    AsMigration(source_, options_.state, plan_,
                "UPDATE public.t SET v = 'bad'; ALTER TABLE public.t ADD COLUMN extra int");
    source_.Exec("INSERT INTO public.t VALUES (2, 'lost')");
    source_.Exec("INSERT INTO public.t VALUES (3, 'lost')");
  }

  RestoreReport RestoreIt() {
    journal::Journal journal = journal::Journal::Open(options_.state);
    return Restore(options_, made_.provider, journal);
  }

  test::ArchivingServer made_;
  pg::Connection source_;
  std::string url_;
  plan::Plan plan_;
  RestoreOptions options_;
};

TEST_F(RestoreTest, BringsBackTheCheckpointBesideTheOldServer) {
  TakeCheckpoint();
  Spoil();
  const RestoreReport report = RestoreIt();
  auto restored = made_.Connect(report.restored.url);
  EXPECT_EQ(Text(restored, "SELECT string_agg(id || v, ',') FROM public.t"), "1good");
  EXPECT_TRUE(report.verification.Good());
  EXPECT_TRUE(report.verification.contents_checked);
  ASSERT_TRUE(report.left_behind);
  EXPECT_EQ(report.left_behind->applications, 2);
  EXPECT_EQ(report.left_behind->own, 1);
  EXPECT_TRUE(report.left_behind->ended.empty() || !report.left_behind_note.empty());
  const base::Json json = ToJson(report);
  EXPECT_EQ(json.at("url"), report.restored.url);
  EXPECT_EQ(json.at("verification").at("contents"), "equal");
  EXPECT_EQ(json.at("left_behind").at("applications"), 2);
  EXPECT_EQ(Text(source_, "SELECT count(*) FROM public.t"), "3") << "the old server goes on";
  const journal::Journal journal = journal::Journal::Open(options_.state);
  EXPECT_EQ(journal.events().back().kind, "restored");

  try {
    RestoreIt();
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kDirectoryExists);
  }
  EXPECT_EQ(Text(restored, "SELECT count(*) FROM public.t"), "1");

  EXPECT_EQ(base::Run({.argv = {"sh", "-c", report.restored.stop}}).exit, 0);
  EXPECT_THROW(made_.Connect(report.restored.url), base::Error);
  try {
    LastRestored(options_.state, journal);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kUnreachable);
    const std::string start = error.hint().substr(error.hint().rfind(": ") + 2);
    EXPECT_EQ(base::Run({.argv = {"sh", "-c", start}}).exit, 0) << error.hint();
  }
  EXPECT_EQ(LastRestored(options_.state, journal), report.restored.url);
}

TEST_F(RestoreTest, CountsWhenTheOldServerIsGone) {
  TakeCheckpoint();
  Spoil();
  source_ = made_.Connect(made_.server.Url());
  made_.server.Stop(sandbox::Server::StopMode::kImmediate);
  options_.source_wal = made_.server.data() / "pg_wal";
  const RestoreReport report = RestoreIt();
  ASSERT_TRUE(report.left_behind);
  EXPECT_EQ(report.left_behind->applications, 2);
  EXPECT_EQ(report.left_behind->own, 1);
  EXPECT_THAT(report.left_behind_note, HasSubstr("as far as"));
}

TEST_F(RestoreTest, NoticesWhatIsNotAsItWas) {
  checkpoint::Checkpoint checkpoint = TakeCheckpoint();
  checkpoint.content->begin()->second.sha256 = "another";
  checkpoint::Write(options_.state, checkpoint);
  try {
    RestoreIt();
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kRestoreUnverified);
    EXPECT_THAT(error.detail(), HasSubstr("public.t"));
  }
  std::string text = base::ReadFile(checkpoint::FileOf(options_.state));
  base::WriteFile(checkpoint::FileOf(options_.state), text.replace(text.find("another"), 7, "changed"));
  try {
    RestoreIt();
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kCheckpointBroken);
  }
}

}  // namespace
}  // namespace recover
