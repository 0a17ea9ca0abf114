#include "backup/wal.h"

#include <gtest/gtest.h>

#include "backup/provider.h"
#include "base/error.h"

namespace backup {
namespace {

constexpr std::uint64_t kSegment = 16 << 20;

TEST(Wal, ReadsAHistory) {
  const std::vector<TimelineEnd> ends =
      ReadHistory("1\t0/5000000\tno recovery target specified\n\n# a comment\n2\t0/70000A0\tat restore point \"x\"\n");
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[1].timeline, 2U);
  EXPECT_EQ(ends[1].end, Lsn::Parse("0/70000A0"));
  EXPECT_EQ(HistoryFile(26), "0000001A.history");
  EXPECT_EQ(TimelineOf("0000001A0000000000000001"), 26U);
}

TEST(WalTest, NamesSegments) {
  EXPECT_EQ(SegmentAt(1, Lsn::Parse("0/1000000"), kSegment), "000000010000000000000001");
  EXPECT_EQ(SegmentBefore(1, Lsn::Parse("0/1000000"), kSegment), "000000010000000000000000");
  EXPECT_EQ(SegmentBefore(0x1F, Lsn::Parse("2/FF000001"), kSegment), "0000001F00000002000000FF");
  EXPECT_EQ(SegmentAt(1, Lsn::Parse("1/40000000"), 1 << 30), "000000010000000100000001");
  const auto names = SegmentsBetween(1, Lsn::Parse("0/FFABCDEF"), Lsn::Parse("1/1000001"), kSegment);
  ASSERT_EQ(names.size(), 3U);
  EXPECT_EQ(names[0], "0000000100000000000000FF");
  EXPECT_EQ(names[2], "000000010000000100000001");
  EXPECT_EQ(SegmentsBetween(1, Lsn::Parse("0/1000028"), Lsn::Parse("0/2000000"), kSegment).size(), 1U);
  EXPECT_THROW(SegmentsBetween(1, Lsn::Parse("0/1000028"), Lsn::Parse("FFFFFFFF/FFFFFFFF"), kSegment), base::Error);
  EXPECT_EQ(SegmentBytesOf("000000010000000000000064", Lsn::Parse("0/64000028")), kSegment);
  EXPECT_EQ(SegmentBytesOf("000000010000000300000000", Lsn::Parse("3/28")), kSegment) << "any length would do";
  EXPECT_EQ(SegmentBytesOf("000000010000000000000001", Lsn::Parse("0/40000028")), 1U << 30);
  EXPECT_EQ(SegmentBytesOf("000000010000000000000010", Lsn::Parse("0/1000028")), 1U << 20);
  EXPECT_THROW(SegmentBytesOf("000000010000000000000007", Lsn::Parse("0/64000028")), base::Error);
  EXPECT_TRUE(IsSegmentName("0000000100000000000000FF"));
  EXPECT_FALSE(IsSegmentName("00000002.history"));
  EXPECT_FALSE(IsSegmentName("0000000100000000000000FF.partial"));
}

TEST(WalTest, ReadsPositions) {
  EXPECT_EQ(Lsn::Parse("16/B374D848").Text(), "16/B374D848");
  for (const char* wrong : {"", "/", "1", "1/", "x/1", "1/123456789", "1/2/3"}) {
    EXPECT_THROW(Lsn::Parse(wrong), base::Error) << wrong;
  }
}

TEST(WalTest, FindsTheEndOfARecordAcrossPages) {
  EXPECT_EQ(EndOfRecord(Lsn::Parse("0/15389A0"), 98, kSegment), Lsn::Parse("0/1538A08"));
  EXPECT_EQ(EndOfRecord({8192 - 104}, 98, kSegment), Lsn{8192}) << "at the boundary, before the next page's header";
  EXPECT_EQ(EndOfRecord({8192 - 40}, 98, kSegment), Lsn{8192 + 24 + 64});
  EXPECT_EQ(EndOfRecord({kSegment - 40}, 98, kSegment), Lsn{kSegment + 40 + 64})
      << "a segment's first header is longer";
}

TEST(WalTest, ChoosesTheNewestBackupThatEndsBeforeThePoint) {
  const auto backup = [](const std::string& id, std::uint64_t end, std::uint32_t timeline, const std::string& system) {
    Backup made;
    made.id = id;
    made.end = {end};
    made.timeline = timeline;
    made.system_identifier = system;
    return made;
  };
  const std::vector<Backup> backups = {backup("old", 100, 1, "s"), backup("new", 200, 1, "s"),
                                       backup("late", 300, 1, "s"), backup("branch", 250, 2, "s"),
                                       backup("other", 250, 1, "x")};
  Point point{.name = "sb", .lsn = {300}, .timeline = 1, .system_identifier = "s"};
  EXPECT_EQ(ChooseBackup(backups, point).id, "new") << "a backup that ends at the point is too late";
  point.lsn = {301};
  EXPECT_EQ(ChooseBackup(backups, point).id, "late");
  point.lsn = {100};
  EXPECT_THROW(ChooseBackup(backups, point), base::Error);
}

}  // namespace
}  // namespace backup
