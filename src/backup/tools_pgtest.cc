#include <fmt/core.h>
#include <gmock/gmock.h>

#include <fstream>
#include <memory>
#include <optional>

#include "backup/follower.h"
#include "backup/programs.h"
#include "backup_tools.h"
#include "sandbox/server.h"
#include "source_server.h"

// What holds for every backup tool of others, each run for real on a server that archives with it.
namespace backup {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

enum class ToolName { kPgBackRest, kBarman };

class ToolTest : public testing::TestWithParam<ToolName> {
 protected:
  void SetUp() override {
    const fs::path folder = workspace_.path();
    if (GetParam() == ToolName::kPgBackRest) rig_ = std::make_unique<test::PgBackRestRig>(folder);
    if (GetParam() == ToolName::kBarman) rig_ = std::make_unique<test::BarmanRig>(folder);
    const int major = sandbox::FindBinaries().major;
    if (major > rig_->NewestServer()) GTEST_SKIP() << "PostgreSQL " << major << " is newer than the backup tool";
    server_.emplace(
        test::StartSource(workspace_, {{"archive_command", rig_->ArchiveCommand()}, {"max_connections", "33"}}));
    source_.emplace(pg::Connection::Open({.conninfo = server_->Url()}));
    source_->Exec("CREATE TABLE public.t(id int primary key)");
    // Two thirds of the files, each of which costs time in every copy.
    source_->Exec("UPDATE pg_database SET datistemplate = false");
    for (const char* database : {"template0", "template1"}) source_->Exec(fmt::format("DROP DATABASE {}", database));
    rig_->SetUp(*server_);
    provider_ = rig_->Of("shop");
  }

  static std::string Text(pg::Connection& connection, const std::string& sql) {
    return connection.Query(sql).Text(0, 0);
  }
  static std::string Rows(const std::string& url) {
    auto connection = pg::Connection::Open({.conninfo = url});
    return Text(connection, "SELECT string_agg(id::text, ',' ORDER BY id) FROM public.t");
  }

  Point Mark(const std::string& name, bool archived = true) {
    Point point{.name = name,
                .lsn = Lsn::Parse(source_->Query("SELECT pg_create_restore_point($1)", {name}).Text(0, 0)),
                .timeline = 1,
                .system_identifier = Text(*source_, "SELECT system_identifier FROM pg_control_system()")};
    if (archived) Archive(point);
    return point;
  }
  void Archive(const Point& point) {
    source_->Exec("SELECT pg_switch_wal()");
    provider_->AwaitArchived(*source_, SegmentBefore(point.timeline, point.lsn, 16 << 20), 20s);
  }

  // Commits a row, and has its segment archived. Returns that one's name.
  std::string ArchiveRow(int id) {
    source_->Exec(fmt::format("INSERT INTO public.t VALUES ({})", id));
    const std::string segment = Text(*source_, "SELECT pg_walfile_name(pg_switch_wal())");
    provider_->AwaitArchived(*source_, segment, 20s);
    return segment;
  }

  Restored RestoreTo(const Point& point, const std::string& directory, bool throwaway) {
    RestoreRequest request;
    request.point = point;
    request.directory = workspace_.path() / directory;
    request.role = "the boss";
    request.throwaway = throwaway;
    return Await(*provider_->StartRestore(request));
  }

  static base::Error Refused(const std::function<void()>& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was refused";
    return base::Error(base::Code::kInternal, "");
  }
  base::Code Restorable(const Point& point) {
    return Refused([&] { provider_->CheckRestorable(point); }).code();
  }

  sandbox::Workspace workspace_{"test"};
  std::unique_ptr<test::Rig> rig_;
  std::optional<sandbox::Server> server_;
  std::optional<pg::Connection> source_;
  std::unique_ptr<BackupProvider> provider_;
};

TEST_P(ToolTest, RestoresExactlyToThePointAsOftenAsAsked) {
  source_->Exec("INSERT INTO public.t VALUES (1)");
  MakeNewDirectory(workspace_.path() / "space", sandbox::ServerAccount());
  source_->Exec(fmt::format("CREATE TABLESPACE space LOCATION '{}'", (workspace_.path() / "space").string()));
  source_->Exec("CREATE TABLE public.s TABLESPACE space AS SELECT 7 AS id");
  // What a backup's own configuration must not decide: fewer connections than the source has, a target of long ago.
  source_->Exec("ALTER SYSTEM SET max_connections = 20");
  std::ofstream(server_->data() / "postgresql.conf", std::ios::app)
      << "recovery_target_time = '2026-11-22 15:48:30Z'\n";
  const Backup first = provider_->Take(*source_, 60s);
  EXPECT_LT(base::Now() - first.taken, 5min) << "times are read as UTC";
  source_->Exec("INSERT INTO public.t VALUES (2)");
  auto open = pg::Connection::Open({.conninfo = server_->Url()});
  open.Exec("BEGIN; INSERT INTO public.t VALUES (3)");
  Point point = Mark("sb_first");
  open.Exec("COMMIT");
  source_->Exec("INSERT INTO public.t VALUES (4)");
  const Backup later = provider_->Take(*source_, 60s);
  ASSERT_EQ(provider_->List().size(), 2U);
  ASSERT_NO_THROW(provider_->CheckRestorable(point));

  const Restored restored = RestoreTo(point, "restored", false);
  EXPECT_EQ(restored.backup_id, first.id) << later.id << " is younger than the point";
  EXPECT_EQ(restored.reached, point.lsn);
  EXPECT_EQ(restored.timeline, 2U);
  EXPECT_EQ(Rows(restored.url), "1,2");
  auto clone = pg::Connection::Open({.conninfo = restored.url});
  EXPECT_EQ(Text(clone, "SHOW archive_mode"), "off");
  EXPECT_EQ(Text(clone, "SHOW fsync"), "on");
  EXPECT_EQ(Text(clone, "SHOW max_connections"), "33");
  EXPECT_EQ(Text(clone, "SELECT id FROM public.s"), "7");
  EXPECT_THAT(Text(clone, "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'space'"),
              StartsWith(restored.directory->string()))
      << "a clone must not write where the source does";
  EXPECT_GT(restored.copy.count(), 0);
  EXPECT_GT(restored.recover.count(), 0);

  // Another clone went its own way from an earlier place, and archived that: the timeline must be named.
  clone.Exec("INSERT INTO public.t VALUES (99); SELECT pg_switch_wal(); CHECKPOINT");
  const fs::path history = server_->data() / "pg_wal/00000002.history";
  test::WriteForServer(history, fmt::format("1\t{}\tanother clone\n", first.end.Text()));
  rig_->Archive(history);
  point.name.clear();
  const Restored again = RestoreTo(point, "again", true);
  EXPECT_EQ(Rows(again.url), "1,2") << "by its position alone";
  auto second = pg::Connection::Open({.conninfo = again.url});
  EXPECT_EQ(Text(second, "SHOW fsync"), "off");
  provider_->Discard(again);
  EXPECT_FALSE(fs::exists(*again.directory));
  EXPECT_EQ(Rows(restored.url), "1,2,99") << "another restored server goes on";
  provider_->Discard(restored);
}

TEST_P(ToolTest, NoticesWhatARestoreCannotDoWithout) {
  const Point early = Mark("sb_early");
  const Backup backup = provider_->Take(*source_, 60s);
  EXPECT_EQ(Restorable(early), base::Code::kNoBackupForPoint);
  EXPECT_NO_THROW(provider_->Verify(backup));
  const Point point = Mark("sb_point");
  EXPECT_NO_THROW(provider_->CheckRestorable(point));
  const fs::path brought = workspace_.path() / "brought";
  ASSERT_TRUE(provider_->Segments()(SegmentBefore(1, point.lsn, backup.segment_bytes), brought));
  EXPECT_EQ(fs::file_size(brought), backup.segment_bytes);
  EXPECT_FALSE(provider_->Segments()("0000000100000000000000FF", workspace_.path() / "nothing"));
  Point wrong = point;
  wrong.timeline = 2;
  EXPECT_EQ(Restorable(wrong), base::Code::kNoBackupForPoint);
  wrong = point;
  wrong.name = "sb_poin";
  EXPECT_EQ(Restorable(wrong), base::Code::kPointUnknown);
  wrong = point;
  wrong.name.clear();
  wrong.lsn.value += 4;
  EXPECT_EQ(Restorable(wrong), base::Code::kPointUnknown);
  EXPECT_EQ(Restorable(Mark("sb_open", false)), base::Code::kPointNotArchived);

  RestoreRequest request{.point = point, .directory = workspace_.path() / "there"};
  fs::create_directory(request.directory);
  EXPECT_EQ(Refused([&] { provider_->StartRestore(request); }).code(), base::Code::kDirectoryExists);

  const Point later = Mark("sb_later");
  const fs::path segment = rig_->FileOf(SegmentBefore(1, point.lsn, backup.segment_bytes));
  fs::rename(segment, workspace_.path() / "aside");
  EXPECT_EQ(Refused([&] { RestoreTo(later, "x", true); }).code(), base::Code::kArchiveGap);
  EXPECT_FALSE(fs::exists(workspace_.path() / "x"));
  fs::rename(workspace_.path() / "aside", segment);

  rig_->Spoil(backup);
  const base::Error corrupt = Refused([&] { provider_->Verify(backup); });
  EXPECT_EQ(corrupt.code(), base::Code::kBackupCorrupt);
  EXPECT_THAT(corrupt.detail(), HasSubstr("checksum")) << "in the tool's own words";
  EXPECT_EQ(Refused([&] { rig_->Of("nothing")->List(); }).code(), base::Code::kRepositoryUnusable);

  provider_->Keep(backup);
  rig_->NextNight();
  if (rig_->Keeps()) {
    EXPECT_NO_THROW(provider_->CheckRestorable(point));
    rig_->EndKeep(backup);
  }
  EXPECT_EQ(Restorable(point), base::Code::kNoBackupForPoint);
}

TEST_P(ToolTest, FollowsTheArchiveSegmentBySegmentWhenTheServerIsGone) {
  provider_->Take(*source_, 60s);
  ArchiveRow(1);
  RestoreRequest request{.point = Mark("sb_point", false), .directory = workspace_.path() / "standby"};
  request.role = "the boss";
  request.throwaway = true;
  ArchiveRow(2);
  rig_->Compress(rig_->FileOf(ArchiveRow(3)));
  source_->Exec("INSERT INTO public.t VALUES (4)");
  server_->Stop(sandbox::Server::StopMode::kImmediate);
  fs::rename(server_->data(), workspace_.path() / "left");

  ASSERT_TRUE(provider_->Follows());
  std::unique_ptr<Follower> follower = provider_->Follow(request, {});
  const std::string url = follower->Url();
  EXPECT_EQ(Rows(url), "1") << "it is parked where the point's segment begins";
  EXPECT_TRUE(follower->Next());
  EXPECT_EQ(Rows(url), "1,2");
  EXPECT_TRUE(follower->Next());
  EXPECT_EQ(Rows(url), "1,2,3");
  EXPECT_FALSE(follower->Next());
  EXPECT_EQ(Rows(url), "1,2,3");
  follower.reset();
  EXPECT_FALSE(fs::exists(request.directory));
  EXPECT_THROW(pg::Connection::Open({.conninfo = url}), base::Error);

  follower = provider_->Follow(request, workspace_.path() / "left/pg_wal");
  while (follower->Next()) EXPECT_THAT(Rows(follower->Url()), StartsWith("1,2"));
  EXPECT_EQ(Rows(follower->Url()), "1,2,3,4");
}

INSTANTIATE_TEST_SUITE_P(Tools, ToolTest, testing::Values(ToolName::kPgBackRest, ToolName::kBarman),
                         [](const auto& name) {
                           return name.param == ToolName::kPgBackRest ? "PgBackRest" : "Barman";
                         });

}  // namespace
}  // namespace backup
