#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backup/line.h"
#include "backup/local/archive.h"
#include "backup/local/local.h"
#include "backup/local/repository.h"
#include "backup/programs.h"
#include "backup/sql_text.h"
#include "backup/wal_account.h"
#include "backup/waldump.h"
#include "base/file.h"
#include "needs_programs.h"
#include "pg/quote.h"
#include "sandbox/server.h"

namespace backup {
namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

// A server that archives into a repository beside it. Its folder's name has what a shell, a setting and a glob could
// trip over.
class BackupTest : public testing::Test {
 protected:
  BackupTest() : workspace_("test"), repository_(workspace_.path() / "re'po 100%"), provider_(repository_) {
    local::PrepareRepository(repository_);
    sandbox::ServerOptions options;
    options.binaries = sandbox::FindBinaries();
    options.account = sandbox::ServerAccount();
    options.data = workspace_.path() / "source";
    options.settings = {{"wal_level", "logical"},
                        {"archive_mode", "on"},
                        {"archive_command", local::ArchiveCommand(repository_)},
                        {"fsync", "off"},
                        {"max_prepared_transactions", "5"},
                        {"max_connections", "33"},
                        {"autovacuum", "off"}};
    server_.emplace(sandbox::Server::Initialize(options));
    server_->Start();
    source_.emplace(pg::Connection::Open({.conninfo = server_->Url()}));
    source_->Exec("CREATE TABLE public.t(id int primary key)");
  }

  static std::string Text(pg::Connection& connection, const std::string& sql) {
    return connection.Query(sql).Text(0, 0);
  }

  // A restore point; its segment is archived unless `archived` is false.
  Point Mark(const std::string& name, bool archived = true) {
    Point point{.name = name,
                .lsn = Lsn::Parse(source_->Query("SELECT pg_create_restore_point($1)", {name}).Text(0, 0)),
                .timeline = static_cast<std::uint32_t>(
                    std::stoul(Text(*source_, "SELECT timeline_id FROM pg_control_checkpoint()"))),
                .system_identifier = Text(*source_, "SELECT system_identifier FROM pg_control_system()")};
    if (archived) Archive(point);
    return point;
  }

  void Archive(const Point& point) {
    source_->Exec("SELECT pg_switch_wal()");
    provider_.AwaitArchived(*source_, SegmentBefore(point.timeline, point.lsn, 16 << 20), 20s);
  }

  Restored RestoreTo(const Point& point, const std::string& directory, bool throwaway = true) {
    RestoreRequest request;
    request.point = point;
    request.directory = workspace_.path() / directory;
    request.throwaway = throwaway;
    return Await(*provider_.StartRestore(request));
  }

  // The code with which a restore is refused or fails.
  base::Code Refusal(const Point& point, const std::string& directory) {
    try {
      RestoreTo(point, directory);
    } catch (const base::Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "the restore succeeded";
    return base::Code::kInternal;
  }

  sandbox::Workspace workspace_;
  fs::path repository_;
  local::LocalProvider provider_;
  std::optional<sandbox::Server> server_;
  std::optional<pg::Connection> source_;
};

TEST_F(BackupTest, RestoresExactlyToTheNamedPoint) {
  source_->Exec("INSERT INTO public.t VALUES (1)");
  source_->Exec("ALTER SYSTEM SET recovery_target_name = 'of an earlier restore'");
  const Backup backup = provider_.Take(*source_, 60s);
  EXPECT_EQ(provider_.List().size(), 1U);
  source_->Exec("INSERT INTO public.t VALUES (2)");
  auto open = pg::Connection::Open({.conninfo = server_->Url()});
  open.Exec("BEGIN; INSERT INTO public.t VALUES (3)");
  const Point point = Mark("sb_first");
  open.Exec("COMMIT");
  source_->Exec("INSERT INTO public.t VALUES (4)");

  const Restored restored = RestoreTo(point, "restored", false);
  EXPECT_EQ(restored.reached, point.lsn);
  EXPECT_EQ(restored.timeline, 2U);
  auto clone = pg::Connection::Open({.conninfo = restored.url});
  EXPECT_EQ(Text(clone, "SELECT string_agg(id::text, ',' ORDER BY id) FROM public.t"), "1,2");
  EXPECT_EQ(Text(clone, "SHOW archive_mode"), "off");
  EXPECT_EQ(Text(clone, "SHOW fsync"), "on") << "a server that may be cut over to must be durable";
  EXPECT_EQ(Text(clone, "SHOW recovery_init_sync_method"), base::CanSyncFileSystems() ? "syncfs" : "fsync");
  EXPECT_EQ(Text(clone, "SHOW max_connections"), "33");
  EXPECT_EQ(Text(*source_, "SELECT count(*) FROM public.t"), "4");

  // The clone writes a timeline of its own, which must not get in the way of the next restore.
  clone.Exec("INSERT INTO public.t VALUES (99); SELECT pg_switch_wal(); CHECKPOINT");
  EXPECT_FALSE(fs::exists(repository_ / "wal" / "00000002.history"));
  base::WriteFile(repository_ / "wal" / "00000002.history", "1\t0/1000000\tanother clone, which archived\n");
  fs::permissions(repository_ / "wal" / "00000002.history", fs::perms(0644));
  const Restored again = RestoreTo(point, "again");
  auto second = pg::Connection::Open({.conninfo = again.url});
  EXPECT_EQ(Text(second, "SELECT string_agg(id::text, ',' ORDER BY id) FROM public.t"), "1,2");
  EXPECT_EQ(Text(second, "SHOW fsync"), "off");
  provider_.Discard(again);
  EXPECT_FALSE(fs::exists(*again.directory));
  EXPECT_THROW(pg::Connection::Open({.conninfo = again.url}), base::Error);
  EXPECT_EQ(Text(clone, "SELECT count(*) FROM public.t"), "3") << "another restored server goes on";
}

// It was made for another place, and may be anybody's.
TEST_F(BackupTest, OfTheConfigurationInTheBackupOnlyWhatIsOnTheListCounts) {
  source_->Exec("ALTER SYSTEM SET session_preload_libraries = 'auto_explain'");
  source_->Exec("ALTER SYSTEM SET work_mem = '9MB'");
  const Backup backup = provider_.Take(*source_, 60s);
  const Point point = Mark("sb_configured");
  ::setenv("DATABASE_URL", "postgresql://u:s3cret@h/d", 1);
  const Restored restored = RestoreTo(point, "restored", false);
  ::unsetenv("DATABASE_URL");
  auto clone = pg::Connection::Open({.conninfo = restored.url});
  EXPECT_EQ(Text(clone, "SHOW session_preload_libraries"), "");
  EXPECT_EQ(Text(clone, "SHOW work_mem"), "9MB");
  for (const auto& [setting, value] : std::map<std::string, std::string>{{"archive_mode", "off"},
                                                                         {"primary_conninfo", ""},
                                                                         {"max_logical_replication_workers", "0"},
                                                                         {"listen_addresses", ""}}) {
    EXPECT_EQ(Text(clone, "SHOW " + setting), value) << setting;
  }
  EXPECT_THAT(base::ReadFile(*restored.directory / "left-out.conf"), HasSubstr("session_preload_libraries"));
  const std::string pid = Text(clone, "SELECT pg_backend_pid()");
  EXPECT_EQ(base::ReadFile(fs::path("/proc") / pid / "environ").find("s3cret"), std::string::npos);

  const fs::path data = repository_ / "backups" / backup.id / "data";
  fs::create_symlink("/etc/passwd", data / "extra");
  EXPECT_EQ(Refusal(point, "linked"), base::Code::kRestoreFailed);
}

TEST_F(BackupTest, RestoresToAnLsnWithoutTheRecordThere) {
  provider_.Take(*source_, 60s);
  source_->Exec("INSERT INTO public.t VALUES (1)");
  Point point = Mark("sb_named", false);
  point.name.clear();
  source_->Exec("INSERT INTO public.t VALUES (2)");
  Archive(point);
  const Restored restored = RestoreTo(point, "restored");
  auto clone = pg::Connection::Open({.conninfo = restored.url});
  EXPECT_EQ(Text(clone, "SELECT string_agg(id::text, ',') FROM public.t"), "1");
  point.lsn.value -= 8;
  EXPECT_EQ(Refusal(point, "inside_a_record"), base::Code::kPointUnknown);
}

TEST_F(BackupTest, RefusesWrongTargetsBeforeAnythingIsMade) {
  const Point early = Mark("sb_early");
  provider_.Take(*source_, 60s);
  EXPECT_EQ(Refusal(early, "x"), base::Code::kNoBackupForPoint);
  Point point = Mark("sb_late");
  Point wrong = point;
  wrong.timeline = 2;
  EXPECT_EQ(Refusal(wrong, "x"), base::Code::kNoBackupForPoint);
  wrong = point;
  wrong.system_identifier = "1";
  EXPECT_EQ(Refusal(wrong, "x"), base::Code::kNoBackupForPoint);
  wrong = point;
  wrong.name = "sb_lat";
  EXPECT_EQ(Refusal(wrong, "x"), base::Code::kPointUnknown);
  wrong = point;
  wrong.lsn.value += 8;
  EXPECT_EQ(Refusal(wrong, "x"), base::Code::kPointUnknown);
  EXPECT_EQ(Refusal(Mark("sb_unarchived", false), "x"), base::Code::kPointNotArchived);
  EXPECT_FALSE(fs::exists(workspace_.path() / "x"));

  fs::create_directory(workspace_.path() / "there");
  EXPECT_EQ(Refusal(point, "there"), base::Code::kDirectoryExists);
  EXPECT_TRUE(fs::is_empty(workspace_.path() / "there"));

  const Backup backup = provider_.List().at(0);
  const std::string first = SegmentAt(1, backup.start, backup.segment_bytes);
  const Point later = Mark("sb_later");
  fs::rename(repository_ / "wal" / first, repository_ / "wal" / "aside");
  EXPECT_EQ(Refusal(later, "x"), base::Code::kArchiveGap);
  fs::rename(repository_ / "wal" / "aside", repository_ / "wal" / first);
  fs::resize_file(repository_ / "wal" / first, 4096);
  EXPECT_EQ(Refusal(later, "x"), base::Code::kArchiveGap);
}

TEST_F(BackupTest, FindsACorruptBackupAndACorruptSegment) {
  const Backup backup = provider_.Take(*source_, 60s);
  EXPECT_NO_THROW(provider_.Verify(backup));
  const Point point = Mark("sb_point");
  const fs::path segment = repository_ / "wal" / SegmentBefore(1, point.lsn, backup.segment_bytes);
  const auto poke = [](const fs::path& file, std::streamoff offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(offset);
    stream << "XXXX";
  };
  poke(repository_ / "backups" / backup.id / "data/global/pg_control", 300);
  try {
    provider_.Verify(backup);
    ADD_FAILURE() << "a changed file went unnoticed";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kBackupCorrupt);
    EXPECT_THAT(error.detail(), HasSubstr("pg_control"));
  }
  poke(segment, static_cast<std::streamoff>(point.lsn.value % backup.segment_bytes) - 80);
  EXPECT_EQ(Refusal(point, "x"), base::Code::kPointUnknown);
}

TEST_F(BackupTest, SaysWhatIsWrongWithArchiving) {
  EXPECT_TRUE(provider_.Check(*source_).problems.empty());
  EXPECT_TRUE(provider_.Check(*source_).settings.empty());
  const std::string segment = Text(*source_, "SELECT pg_walfile_name(pg_current_wal_lsn())");
  const auto refusal = [&](auto&& call) -> base::Error {
    try {
      call();
    } catch (const base::Error& error) {
      return error;
    }
    return base::Error(base::Code::kInternal, "nothing was refused");
  };
  const auto command = [&](const std::string& text) {
    source_.reset();
    server_->Stop();
    sandbox::ServerOptions options;
    options.binaries = sandbox::FindBinaries();
    options.account = sandbox::ServerAccount();
    options.data = workspace_.path() / "source";
    options.settings = {{"wal_level", "logical"}, {"archive_mode", "on"}, {"archive_command", text}};
    server_.emplace(sandbox::Server::Adopt(options));
    server_->Start();
    source_.emplace(pg::Connection::Open({.conninfo = server_->Url()}));
  };

  command("echo no >&2; exit 1");
  source_->Exec("CREATE TABLE public.u(); SELECT pg_switch_wal()");
  const std::string next = Text(*source_, "SELECT pg_walfile_name(pg_current_wal_lsn())");
  base::Error error = refusal([&] { provider_.AwaitArchived(*source_, next, 3s); });
  EXPECT_EQ(error.code(), base::Code::kArchiveStuck);
  EXPECT_THAT(error.detail(), HasSubstr("exit 1"));
  error = refusal([&] { provider_.Take(*source_, 60s); });
  EXPECT_EQ(error.code(), base::Code::kArchiveStuck);
  EXPECT_FALSE(provider_.Check(*source_).problems.empty());
  EXPECT_TRUE(provider_.List().empty());

  command("true");
  source_->Exec("CREATE TABLE public.v(); SELECT pg_switch_wal()");
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (!provider_.Check(*source_).problems.empty() && std::chrono::steady_clock::now() < until) usleep(50'000);
  EXPECT_EQ(refusal([&] { provider_.Take(*source_, 20s); }).code(), base::Code::kArchiveElsewhere);
  EXPECT_TRUE(fs::is_empty(repository_ / "backups"));

  command("");
  EXPECT_EQ(refusal([&] { provider_.Take(*source_, 20s); }).code(), base::Code::kArchiveOff);
}

TEST_F(BackupTest, ArchivesTheSameSegmentAgainButNeverAnother) {
  const fs::path wal = repository_ / "wal";
  const fs::path segment = workspace_.path() / "segment";
  const auto archive = [&] {
    std::string command = local::ArchiveCommand(repository_);
    const auto replace = [&](const std::string& what, const std::string& by) {
      for (std::size_t at = 0; (at = command.find(what, at)) != std::string::npos; at += by.size()) {
        command.replace(at, what.size(), by);
      }
    };
    replace("%p", segment.string());
    replace("%f", "000000010000000000000077");
    replace("%%", "%");
    return base::Run({.argv = {"sh", "-c", command}});
  };
  const fs::path there = wal / "000000010000000000000077";
  base::WriteFile(segment, "one");
  ASSERT_EQ(archive().exit, 0);
  EXPECT_EQ(base::ReadFile(there), "one");
  EXPECT_EQ(archive().exit, 0) << "the server archives a segment again after a crash";
  fs::last_write_time(segment, fs::last_write_time(segment) + std::chrono::hours(1));
  EXPECT_EQ(archive().exit, 0) << "a promoted standby archives the same content with another time";
  base::WriteFile(segment, "two");
  fs::last_write_time(segment, fs::last_write_time(there));
  const base::Finished refused = archive();
  EXPECT_NE(refused.exit, 0);
  EXPECT_THAT(refused.err, HasSubstr("another file"));
  EXPECT_EQ(base::ReadFile(there), "one");
  fs::remove(segment);
  EXPECT_NE(archive().exit, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(wal), {}), 1) << "no copy is left";
}

// Two hosts of one name, each with a content of its own: the first to arrive stays whole, and the other is told.
TEST_F(BackupTest, TwoThatArchiveAtOnceNeverMixWhatTheyHave) {
  const fs::path wal = repository_ / "wal";
  for (int round = 0; round < 20; ++round) {
    const std::string name = fmt::format("0000000100000000000001{:02X}", round);
    std::vector<std::thread> hosts;
    std::array<int, 4> exits{};
    for (std::size_t host = 0; host < exits.size(); ++host) {
      hosts.emplace_back([&, host] {
        const fs::path segment = workspace_.path() / fmt::format("segment {}", host);
        base::WriteFile(segment, std::string(100'000, host % 2 == 0 ? 'a' : 'b'));
        std::string command = local::ArchiveCommand(repository_);
        for (const auto& [what, by] :
             {std::pair<std::string, std::string>{"%p", ShellQuote(segment.string())}, {"%f", name}, {"%%", "%"}}) {
          for (std::size_t at = 0; (at = command.find(what, at)) != std::string::npos; at += by.size()) {
            command.replace(at, what.size(), by);
          }
        }
        exits.at(host) = base::Run({.argv = {"sh", "-c", command}}).exit;
      });
    }
    for (std::thread& host : hosts) host.join();
    const std::string there = base::ReadFile(wal / name);
    ASSERT_EQ(there.size(), 100'000U);
    ASSERT_EQ(there.find_first_not_of(there.front()), std::string::npos);
    for (std::size_t host = 0; host < exits.size(); ++host) {
      EXPECT_EQ(exits.at(host) == 0, there.front() == (host % 2 == 0 ? 'a' : 'b'));
    }
  }
}

// What received WAL for a backup whose command was killed may still write.
TEST_F(BackupTest, EndsWhatAnInterruptedBackupLeftRunning) {
  const fs::path partial = repository_ / "backups/20261122T000000Z-dead.partial";
  MakeNewDirectory(partial, std::nullopt);
  base::Child orphan = base::Child::Start(
      {.argv = {"sh", "-c", "cd /; exec 3>\"$0/file\"; i=0; while :; do i=$((i+1)); echo >\"$0/$i\"; done",
                partial.string()}},
      workspace_.path() / "orphan.log");
  while (!fs::exists(partial / "9")) usleep(1000);
  provider_.Take(*source_, 60s);
  EXPECT_FALSE(orphan.Running());
  EXPECT_FALSE(fs::exists(partial));
}

// A database that was made anew has the names of its segments from the beginning again.
TEST_F(BackupTest, RefusesARepositoryOfAnotherServer) {
  EXPECT_EQ(local::OwnerOf(repository_), std::nullopt);
  source_->Exec("SELECT pg_switch_wal()");
  provider_.Take(*source_, 60s);
  EXPECT_EQ(local::OwnerOf(repository_), ReadLine(*source_).system_identifier);
  fs::remove_all(repository_ / "backups");
  EXPECT_EQ(local::OwnerOf(repository_), ReadLine(*source_).system_identifier) << "a segment says it too";
  provider_.PrepareArchive(*source_);

  sandbox::ServerOptions options;
  options.binaries = sandbox::FindBinaries();
  options.data = workspace_.path() / "anew";
  options.account = sandbox::ServerAccount();
  sandbox::Server anew = sandbox::Server::Initialize(options);
  anew.Start();
  auto other = pg::Connection::Open({.conninfo = anew.Url()});
  for (const auto& attempt : {std::function<void()>([&] { provider_.PrepareArchive(other); }),
                              std::function<void()>([&] { provider_.Check(other); }),
                              std::function<void()>([&] { provider_.Take(other, 60s); })}) {
    try {
      attempt();
      ADD_FAILURE();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kRepositoryOfAnother);
      EXPECT_THAT(error.hint(), HasSubstr("{system_identifier}"));
    }
  }
}

// Two restores to one point have to be told apart, where both are archived in their turn.
TEST_F(BackupTest, EachRestoreBeginsALineOfItsOwn) {
  provider_.Take(*source_, 60s);
  const Point point = Mark("sb_twice");
  EXPECT_EQ(ReadLine(*source_).restored, "");
  std::vector<std::string> lines;
  for (const char* directory : {"first", "second"}) {
    const Restored restored = RestoreTo(point, directory, false);
    auto server = pg::Connection::Open({.conninfo = restored.url});
    lines.push_back(ReadLine(server).restored);
    EXPECT_EQ(ReadLine(server).system_identifier, ReadLine(*source_).system_identifier);
    provider_.Discard(restored);
  }
  std::string lsn = point.lsn.Text();
  lsn.replace(lsn.find('/'), 1, "_");
  EXPECT_EQ(lines, (std::vector<std::string>{"2-" + lsn, "3-" + lsn}));
}

TEST_F(BackupTest, LeavesNothingWhenTheDiskIsFull) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount the small file system that this needs";
  const fs::path small = workspace_.path() / "small";
  fs::create_directory(small);
  if (mount("tmpfs", small.c_str(), "tmpfs", 0, "size=8m,mode=0755") != 0) GTEST_SKIP() << "mount is not allowed here";
  local::LocalProvider provider(small / "repository");
  std::optional<base::Error> caught;
  try {
    provider.Take(*source_, 60s);
  } catch (const base::Error& error) {
    caught = error;
  }
  const bool empty = fs::is_empty(small / "repository/backups");
  EXPECT_EQ(umount2(small.c_str(), MNT_DETACH), 0);
  ASSERT_TRUE(caught);
  EXPECT_EQ(caught->code(), base::Code::kNoSpace);
  EXPECT_TRUE(empty);
  // The server notices a moment later that pg_basebackup has gone.
  for (int i = 0; i < 1000 && Text(*source_, "SELECT count(*) FROM pg_stat_replication") != "0"; ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(Text(*source_, "SELECT count(*) FROM pg_stat_replication"), "0");
}

// At that rate the smallest server takes minutes.
TEST_F(BackupTest, ReadsNoFasterThanItMay) {
  local::LocalProvider slow(repository_, 32 << 10);
  EXPECT_THROW(slow.Take(*source_, 3s), base::Error);
  EXPECT_TRUE(provider_.List().empty());
  provider_.Take(*source_, 60s);
  EXPECT_EQ(provider_.List().size(), 1U);
}

TEST_F(BackupTest, RefusesTablespaces) {
  const fs::path space = workspace_.path() / "space";
  MakeNewDirectory(space, sandbox::ServerAccount());
  source_->Exec("CREATE TABLESPACE elsewhere LOCATION " + pg::Literal(space.string()));
  try {
    provider_.Take(*source_, 60s);
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kTablespaces);
  }
  source_->Exec("DROP TABLESPACE elsewhere");
}

TEST_F(BackupTest, CountsTheTransactionsThatARestoreLeavesBehind) {
  auto across = pg::Connection::Open({.conninfo = server_->Url()});
  const Lsn scan_from = Lsn::Parse(Text(*source_, "SELECT pg_current_wal_insert_lsn()"));
  const std::vector<Relation> relations = ReadRelations(*source_);
  across.Exec("BEGIN; INSERT INTO public.t VALUES (1)");
  const Point point = Mark("sb_cut");
  across.Exec("COMMIT");                                                                    // application 1
  source_->Exec("INSERT INTO public.t VALUES (2)");                                         // application 2
  source_->Exec("BEGIN; SAVEPOINT a; INSERT INTO public.t VALUES (3); RELEASE a; COMMIT");  // application 3
  source_->Exec("BEGIN; INSERT INTO public.t VALUES (4); PREPARE TRANSACTION 'p'");
  source_->Exec("COMMIT PREPARED 'p'");                       // application 4
  source_->Exec("UPDATE public.t SET id = 40 WHERE id = 4");  // application 5
  source_->Exec("COPY public.t FROM PROGRAM 'seq 100 200'");  // application 6
  source_->Exec("DELETE FROM public.t WHERE id = 100");       // application 7
  source_->Exec("BEGIN; INSERT INTO public.t VALUES (5); ROLLBACK");
  source_->Exec("BEGIN; SAVEPOINT a; INSERT INTO public.t VALUES (6); ROLLBACK TO a; COMMIT");
  source_->Exec("BEGIN; SELECT * FROM public.t WHERE id = 2 FOR UPDATE; COMMIT");  // other 1
  source_->Exec("ANALYZE public.t");                                               // other 2
  source_->Exec(
      "BEGIN; SELECT pg_logical_emit_message(true, 'switchback', 'ours'); "
      "INSERT INTO public.t VALUES (7); COMMIT");  // own 1
  source_->Exec(
      "BEGIN; SELECT pg_logical_emit_message(true, 'switchback', 'forged'); "
      "INSERT INTO public.t VALUES (8); COMMIT");  // application 8
  source_->Exec(
      "BEGIN; SELECT pg_logical_emit_message(false, 'switchback', 'ours'); "
      "INSERT INTO public.t VALUES (9); COMMIT");  // application 9
  source_->Exec(
      "BEGIN; SAVEPOINT a; SELECT pg_logical_emit_message(true, 'switchback', 'ours'); "
      "INSERT INTO public.t VALUES (10); COMMIT");  // application 10
  source_->Exec("TRUNCATE public.t");               // application 11
  source_->Exec("CREATE DATABASE other");           // other 3, 4 (two commits)
  auto other = pg::Connection::Open({.conninfo = server_->Url("other")});
  other.Exec("CREATE TABLE public.t AS SELECT 1 AS id");  // other

  AccountRequest request;
  request.binaries = sandbox::FindBinaries();
  request.archive = provider_.Segments();
  request.source_wal = server_->data() / "pg_wal";
  request.relations = relations;
  request.timeline = 1;
  request.scan_from = scan_from;
  request.from = point.lsn;
  request.database = static_cast<std::uint32_t>(
      std::stoul(Text(*source_, "SELECT oid FROM pg_database WHERE datname = current_database()")));
  request.whose = [](const std::string& tag) { return tag == "ours" ? std::optional<std::string>("") : std::nullopt; };
  const WalAccount account = AccountFor(request).value();
  EXPECT_EQ(account.applications, 11);
  EXPECT_EQ(account.own, 1);
  EXPECT_GE(account.others, 3);
  ASSERT_TRUE(account.first && account.last);
  EXPECT_LT(*account.first, *account.last);
  EXPECT_LT(base::Now() - *account.first, 5min) << "commit times are read as UTC";
  EXPECT_FALSE(account.ended.empty());
  ASSERT_EQ(account.tables.size(), 1U);
  const WalTable& rows = account.tables.at({"public", "t"});
  EXPECT_EQ(fmt::format("{} {} {} {}", rows.inserted, rows.updated, rows.deleted, rows.truncated), "108 1 1 1");

  request.source_wal.clear();
  EXPECT_THAT(AccountFor(request)->ended, HasSubstr("is not there")) << "and nobody waits for it to appear";
  request.to = point.lsn;
  EXPECT_EQ(AccountFor(request)->applications, 0);
  EXPECT_EQ(AccountFor(request)->ended, "");
}

TEST_F(BackupTest, EmbeddedStatementsPrepare) {
  for (const std::string_view sql :
       {sql_text::kReadArchiver, sql_text::kReadLine, sql_text::kReadRelations, sql_text::kReadTablespaces}) {
    EXPECT_NO_THROW(source_->CheckPrepares(std::string(sql)));
  }
}

}  // namespace
}  // namespace backup
