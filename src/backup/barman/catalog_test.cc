#include "backup/barman/catalog.h"

#include <gtest/gtest.h>

#include "backup/barman/tool.h"
#include "base/error.h"

namespace backup::barman {
namespace {

// As 3.4 writes it, shortened.
std::string Info(const std::string& status = "DONE") {
  return "backup_label='START WAL LOCATION: 0/8000028 (file 000000010000000000000008)\\nSTART TIMELINE: 1\\n'\n"
         "begin_time=2026-11-23 04:13:30.463838+01:00\nbegin_wal=000000010000000000000008\nbegin_xlog=0/8000028\n"
         "copy_stats={'copy_time': 3.14943}\nend_time=2026-11-23 04:13:33.660205+01:00\nend_xlog=0/9000000\n"
         "size=23351652\nstatus=" +
         status +
         "\nsystemid=7711199519042086696\ntablespaces=None\ntimeline=1\nversion=150020\nxlog_segment_size=16777216\n";
}

TEST(BarmanCatalog, ReadsABackup) {
  const std::optional<Backup> backup = ReadBackupInfo("20261123T031330", Info());
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->id, "20261123T031330");
  EXPECT_EQ(backup->system_identifier, "7711199519042086696");
  EXPECT_EQ(backup->timeline, 1U);
  EXPECT_EQ(backup->start, Lsn::Parse("0/8000028"));
  EXPECT_EQ(backup->end, Lsn::Parse("0/9000000"));
  EXPECT_EQ(backup->segment_bytes, 16U << 20);
  EXPECT_EQ(backup->server_major, 15);
  EXPECT_EQ(base::FormatTime(backup->taken), "2026-11-23T03:13:33.660205Z");
  EXPECT_EQ(backup->bytes, 23351652);
  EXPECT_EQ(backup->took, std::chrono::milliseconds(3196));
  EXPECT_FALSE(ReadBackupInfo("x", Info("WAITING_FOR_WALS")));
  EXPECT_FALSE(ReadBackupInfo("x", "status=FAILED\n"));
  EXPECT_THROW(ReadBackupInfo("x", "status=DONE\nsystemid=1\n"), base::Error);
}

TEST(BarmanCatalog, ReadsTimesWithTheirOffset) {
  EXPECT_EQ(base::FormatTime(ParseTimeWithOffset("2026-11-23 03:13:33+00:00")), "2026-11-23T03:13:33.000000Z");
  EXPECT_EQ(base::FormatTime(ParseTimeWithOffset("2026-11-22 21:43:33.5-05:30")), "2026-11-23T03:13:33.500000Z");
  for (const char* wrong : {"", "2026-11-23 03:13:33", "2026-11-23 03:13:33Z", "2026-11-23 03:13:33 UTC"}) {
    EXPECT_THROW(ParseTimeWithOffset(wrong), base::Error) << wrong;
  }
}

TEST(BarmanTool, PassesOnAllThatWasSaid) {
  const base::Error busy =
      Failure(base::Code::kBackupFailed, "backup",
              {.exit = 1,
               .out = R"({"_INFO": ["Starting"], "_ERROR": ["Another backup process is running"]})",
               .err = "a word on stderr\n"});
  EXPECT_EQ(busy.code(), base::Code::kRepositoryBusy);
  EXPECT_EQ(busy.message(), "barman backup failed with exit status 1");
  EXPECT_EQ(busy.detail(), "Another backup process is running\nStarting\na word on stderr");
  EXPECT_EQ(Failure(base::Code::kBackupFailed, "backup", {.exit = 2, .out = "usage: barman", .err = ""}).detail(),
            "usage: barman");
}

}  // namespace
}  // namespace backup::barman
