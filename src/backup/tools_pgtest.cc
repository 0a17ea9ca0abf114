#include <fmt/core.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>

#include "backup/barman/barman.h"
#include "backup/pgbackrest/pgbackrest.h"
#include "backup/programs.h"
#include "base/file.h"
#include "sandbox/server.h"
#include "source_server.h"

// What holds for every backup tool of others, each run for real on a server that archives with it.
namespace backup {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

// Root may write anywhere; the tool must be able to read it.
void WriteForServer(const fs::path& path, const std::string& text) {
  base::WriteFile(path, text);
  const auto account = sandbox::ServerAccount();
  if (!account) return;
  ASSERT_EQ(lchown(path.c_str(), account->uid, account->gid), 0);
}

// One tool, set up in a folder, and what a person or the tool itself may do to its repository.
class Rig {
 public:
  explicit Rig(fs::path folder) : folder_(std::move(folder)) {}
  virtual ~Rig() = default;
  [[nodiscard]] virtual std::string ArchiveCommand() const = 0;
  // Writes the tool's configuration for this server.
  virtual void SetUp(sandbox::Server& server) = 0;
  // Of the server that the tool knows by this name.
  [[nodiscard]] virtual std::unique_ptr<BackupProvider> Of(const std::string& name) const = 0;
  // A clone that archives would bring the file of its timeline there.
  virtual void Archive(const fs::path& file) = 0;
  [[nodiscard]] virtual fs::path FileOf(const std::string& segment) const = 0;
  virtual void Spoil(const Backup& backup) = 0;
  // The next night's backup, with a retention that keeps one.
  virtual void NextNight() = 0;
  // Whether the tool can keep a backup from that; then what a person does to end it, and the tool to follow.
  [[nodiscard]] virtual bool Keeps() const { return false; }
  virtual void EndKeep(const Backup& /*backup*/) {}

 protected:
  base::Finished Run(const std::vector<std::string>& argv) const {
    base::Finished finished = base::Run({.argv = argv, .account = sandbox::ServerAccount()});
    EXPECT_EQ(finished.exit, 0) << argv.at(1) << "\n" << finished.out << finished.err;
    return finished;
  }
  // The one file below `folder` whose name begins so.
  static fs::path Find(const fs::path& folder, const std::string& beginning) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().filename().string().starts_with(beginning)) return entry.path();
    }
    ADD_FAILURE() << "no " << beginning << " in " << folder;
    return {};
  }
  static void Poke(const fs::path& file) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(100);
    stream << "spoilt";
  }

  fs::path folder_;
};

class PgBackRestRig : public Rig {
 public:
  using Rig::Rig;
  [[nodiscard]] std::string ArchiveCommand() const override {
    return fmt::format("pgbackrest --stanza=shop --config={}/pgbackrest.conf archive-push %p", folder_.string());
  }
  void SetUp(sandbox::Server& server) override {
    WriteForServer(
        folder_ / "pgbackrest.conf",
        fmt::format(
            "[global]\nrepo1-path={0}/repository\nlock-path={0}/lock\nspool-path={0}/spool\nlog-level-file=off\n"
            "repo1-retention-full=1\nrepo1-bundle=y\ncompress-type=none\n"
            "[shop]\npg1-path={1}\npg1-port={2}\npg1-socket-path={3}\npg1-user=the boss\n",
            folder_.string(), server.data().string(), server.port(), server.data().parent_path().string()));
    Of("shop")->PrepareArchive();
  }
  [[nodiscard]] std::unique_ptr<BackupProvider> Of(const std::string& name) const override {
    return std::make_unique<pgbackrest::PgBackRestProvider>(
        pgbackrest::Options{.stanza = name, .config = (folder_ / "pgbackrest.conf").string()});
  }
  void Archive(const fs::path& file) override { Tool({"archive-push", file.string()}); }
  [[nodiscard]] fs::path FileOf(const std::string& segment) const override {
    return Find(folder_ / "repository", segment);
  }
  void Spoil(const Backup& backup) override {
    Poke(Find(folder_ / "repository/backup/shop" / backup.id / "bundle", "1"));
  }
  void NextNight() override { Tool({"--type=full", "--start-fast", "backup"}); }

 private:
  void Tool(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {"pgbackrest", "--stanza=shop",
                                     fmt::format("--config={}/pgbackrest.conf", folder_.string())};
    argv.insert(argv.end(), words.begin(), words.end());
    Run(argv);
  }
};

class BarmanRig : public Rig {
 public:
  using Rig::Rig;
  [[nodiscard]] std::string ArchiveCommand() const override {
    return fmt::format("rsync -a %p {}/%f", (Home() / "incoming").string());
  }
  void SetUp(sandbox::Server& server) override {
    auto connection = pg::Connection::Open({.conninfo = server.Url()});
    connection.Exec("CREATE ROLE barman SUPERUSER REPLICATION LOGIN");  // it cannot read a name with a blank
    const auto account = sandbox::ServerAccount();
    const std::string address =
        fmt::format("host={} port={} user=barman dbname=postgres", server.data().parent_path().string(), server.port());
    WriteForServer(folder_ / "barman.conf",
                   fmt::format("[barman]\nbarman_user = {0}\nbarman_home = {1}\nlog_file = {1}/log\n"
                               "path_prefix = {2}\n"
                               "[shop]\ndescription = shop\nconninfo = {3}\nstreaming_conninfo = {3}\n"
                               "backup_method = postgres\narchiver = on\nretention_policy = REDUNDANCY 1\n",
                               account ? account->name : CallerName(), (folder_ / "barman").string(),
                               sandbox::FindBinaries().directory.string(), address));
    Of("shop")->PrepareArchive();
  }
  [[nodiscard]] std::unique_ptr<BackupProvider> Of(const std::string& name) const override {
    return std::make_unique<barman::BarmanProvider>(
        barman::Options{.server = name, .config = (folder_ / "barman.conf").string()});
  }
  void Archive(const fs::path& file) override {
    WriteForServer(Home() / "incoming" / file.filename(), base::ReadFile(file));
    Tool({"archive-wal", "shop"});
  }
  [[nodiscard]] fs::path FileOf(const std::string& segment) const override { return Find(Home() / "wals", segment); }
  void Spoil(const Backup& backup) override { Poke(Find(Home() / "base" / backup.id, "pg_filenode.map")); }
  void NextNight() override {
    Tool({"backup", "--immediate-checkpoint", "--wait", "shop"});
    Tool({"cron", "--keep-descriptors"});
  }
  [[nodiscard]] bool Keeps() const override { return true; }
  void EndKeep(const Backup& backup) override {
    Tool({"keep", "--release", "shop", backup.id});
    Tool({"cron", "--keep-descriptors"});
  }

 private:
  [[nodiscard]] fs::path Home() const { return folder_ / "barman/shop"; }
  static std::string CallerName() { return getpwuid(geteuid())->pw_name; }
  void Tool(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {"barman", "--config", (folder_ / "barman.conf").string()};
    argv.insert(argv.end(), words.begin(), words.end());
    Run(argv);
  }
};

enum class ToolName { kPgBackRest, kBarman };

class ToolTest : public testing::TestWithParam<ToolName> {
 protected:
  // Debian 12 has tools for the server that it has.
  void SetUp() override {
    constexpr int kNewest = 15;
    const int major = sandbox::FindBinaries().major;
    if (major > kNewest) GTEST_SKIP() << "PostgreSQL " << major << " is newer than the backup tools";
    const fs::path folder = workspace_.path();
    if (GetParam() == ToolName::kPgBackRest) rig_ = std::make_unique<PgBackRestRig>(folder);
    if (GetParam() == ToolName::kBarman) rig_ = std::make_unique<BarmanRig>(folder);
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
  std::unique_ptr<Rig> rig_;
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
  WriteForServer(history, fmt::format("1\t{}\tanother clone\n", first.end.Text()));
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

INSTANTIATE_TEST_SUITE_P(Tools, ToolTest, testing::Values(ToolName::kPgBackRest, ToolName::kBarman),
                         [](const auto& name) {
                           return name.param == ToolName::kPgBackRest ? "PgBackRest" : "Barman";
                         });

}  // namespace
}  // namespace backup
