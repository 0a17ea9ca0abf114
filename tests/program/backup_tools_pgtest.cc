#include <fmt/core.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "needs_programs.h"
#include "program.h"
#include "sandbox/processes.h"
#include "served_project.h"

// A release whose backups are pgBackRest's, from the command line.
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

void UsePgBackRest(const fs::path& project, const sandbox::Server& server) {
  const fs::path place = server.data().parent_path();
  base::WriteFile(place / "pgbackrest.conf",
                  fmt::format("[global]\nrepo1-path={0}/repository\nrepo1-retention-full=1\nrepo1-bundle=y\n"
                              "lock-path={0}/lock\nspool-path={0}/spool\nlog-level-file=off\n"
                              "[shop]\npg1-path={1}\npg1-port={2}\npg1-socket-path={0}\npg1-user=postgres\n",
                              place.string(), server.data().string(), server.port()));
  base::WriteFile(project / "switchback.yaml",
                  fmt::format("version: 1\nbackup: {{provider: pgbackrest, stanza: shop, config: {0}/pgbackrest.conf, "
                              "restored: {0}/restored}}\n",
                              place.string()));
}

TEST(BackupTools, AReleaseWithPgBackRestGoesAllTheWay) {
  constexpr int kNewest = 15;
  const int major = sandbox::FindBinaries().major;
  if (major > kNewest) GTEST_SKIP() << "PostgreSQL " << major << " is newer than pgBackRest";
  test::ServedProject project("shop", {}, UsePgBackRest);
  project.Connect().Exec(
      "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, g FROM generate_series(1, 9) g");
  project.MakeRelease("20260101-wider", "ALTER TABLE t ALTER COLUMN v TYPE bigint;");
  const base::Json ready = project.On({"init"})["result"]["target"];
  EXPECT_EQ(ready["missing"].size() + ready["settings"].size(), 0U) << ready;
  ASSERT_EQ(project.On({"plan", "wider"})["exit"], 0);
  const base::Json taken = project.On({"checkpoint", "wider", "--content-hash", "--prove"});
  ASSERT_EQ(taken["exit"], 0) << taken;
  EXPECT_EQ(taken["result"]["proof"]["contents"], true) << taken;
  ASSERT_EQ(project.On({"expand", "wider"})["exit"], 0);
  project.Connect().Exec("UPDATE t SET v = -v");

  // A restore that is killed leaves a copy; status names it, and the next restore removes it.
  EXPECT_NE(project.Say({"restore", "wider"}, {{"SWITCHBACK_FAILPOINT", "restore.up=kill"}}).exit, 0);
  const base::Json found = project.On({"status", "wider"})["result"];
  EXPECT_EQ(found["restorable"], true) << found;
  const fs::path left = found["unfinished_restore"];
  EXPECT_TRUE(fs::exists(left / "data/PG_VERSION"));
  const base::Json restored = project.On({"restore", "wider"});
  ASSERT_EQ(restored["exit"], 0) << restored;
  EXPECT_FALSE(fs::exists(left));
  EXPECT_EQ(restored["result"]["verification"]["contents"], "equal") << restored;
  const fs::path directory = restored["result"]["directory"];
  EXPECT_EQ(
      pg::Connection::Open({.conninfo = restored["result"]["url"]}).Exec("SELECT sum(v) FROM public.t").Text(0, 0),
      "45");
  sandbox::StopServersIn(directory);

  // The next night's full backup expires the checkpoint's.
  const base::Finished night =
      base::Run({.argv = {"pgbackrest", "--stanza=shop",
                          "--config=" + (project.server().data().parent_path() / "pgbackrest.conf").string(),
                          "--type=full", "--start-fast", "backup"},
                 .account = sandbox::ServerAccount()});
  ASSERT_EQ(night.exit, 0) << night.out << night.err;
  EXPECT_EQ(project.On({"status", "wider"})["result"]["restorable"], false);
  const base::Finished gate = project.Say({"gate", "wider", "--for", "migrate"});
  EXPECT_EQ(gate.exit, static_cast<int>(base::Exit::kNoGo)) << gate.out;
  EXPECT_THAT(gate.out, HasSubstr("The checkpoint cannot be restored: no backup ends before"));
  EXPECT_EQ(project.On({"restore", "wider"})["error"]["code"], "SB2708");
}

}  // namespace
