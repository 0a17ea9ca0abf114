#include "backup/wal_account.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <sstream>

namespace backup {
namespace {

// What pg_waldump printed of the same transactions, with the file of t rewritten by a TRUNCATE at the end.
constexpr const char* kOf15 = R"(
rmgr: Heap        len (rec/tot):     61/    61, tx:        725, lsn: 0/01539F20, prev 0/01539888, desc: INSERT+INIT off 1 flags 0x08, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        725, lsn: 0/0153A018, prev 0/01539FC0, desc: COMMIT 2026-11-23 09:43:42.886727 UTC
rmgr: Heap        len (rec/tot):     72/    72, tx:        727, lsn: 0/0153A0F8, prev 0/0153A0C8, desc: HOT_UPDATE off 1 xmax 727 flags 0x10 ; new off 3 xmax 0, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        727, lsn: 0/0153A140, prev 0/0153A0F8, desc: COMMIT 2026-11-23 09:43:42.911527 UTC
rmgr: Heap        len (rec/tot):     82/    82, tx:        728, lsn: 0/0153A170, prev 0/0153A140, desc: UPDATE off 2 xmax 728 flags 0x18 KEYS_UPDATED ; new off 4 xmax 0, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        728, lsn: 0/0153A208, prev 0/0153A1C8, desc: COMMIT 2026-11-23 09:43:42.911797 UTC
rmgr: Heap        len (rec/tot):     64/    64, tx:        729, lsn: 0/0153A238, prev 0/0153A208, desc: DELETE off 4 flags 0x04 KEYS_UPDATED , blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        729, lsn: 0/0153A278, prev 0/0153A238, desc: COMMIT 2026-11-23 09:43:42.911979 UTC
rmgr: Heap2       len (rec/tot):    650/   650, tx:        730, lsn: 0/0153A2A8, prev 0/0153A278, desc: MULTI_INSERT+INIT 50 tuples flags 0x0A, blkref #0: rel 1663/5/16391 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        730, lsn: 0/0153A538, prev 0/0153A2A8, desc: COMMIT 2026-11-23 09:43:42.934789 UTC
rmgr: LogicalMessage len (rec/tot):     65/    65, tx:        731, lsn: 0/0153A568, prev 0/0153A538, desc: MESSAGE transactional, prefix "switchback"; payload (4 bytes): 6F 75 72 73
rmgr: Heap        len (rec/tot):     61/    61, tx:        731, lsn: 0/0153A5B0, prev 0/0153A568, desc: INSERT off 5 flags 0x08, blkref #0: rel 1663/5/16384 blk 0
rmgr: Heap        len (rec/tot):     66/    66, tx:        732, lsn: 0/0153A630, prev 0/0153A5F0, desc: INSERT off 6 flags 0x08, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     54/    54, tx:        731, lsn: 0/0153A6B8, prev 0/0153A678, desc: COMMIT 2026-11-23 09:43:42.952449 UTC; subxacts: 732
rmgr: Heap2       len (rec/tot):     60/    60, tx:        733, lsn: 0/0153A780, prev 0/0153A750, desc: NEW_CID rel 1663/5/1259; tid 0/5; cmin: 4294967295, cmax: 0, combo: 4294967295
rmgr: Transaction len (rec/tot):     78/    78, tx:        733, lsn: 0/0153B460, prev 0/0153B420, desc: INVALIDATION ; inval msgs: catcache 55 catcache 54 relcache 16391
rmgr: Heap        len (rec/tot):     46/    46, tx:        733, lsn: 0/0153B4B0, prev 0/0153B460, desc: TRUNCATE nrelids 2 relids 16384 16391
rmgr: Transaction len (rec/tot):    421/   421, tx:        733, lsn: 0/0153B4E0, prev 0/0153B4B0, desc: COMMIT 2026-11-23 09:43:42.983007 UTC; rels: base/5/16391 base/5/16388; inval msgs: catcache 55
rmgr: Heap        len (rec/tot):     61/    61, tx:        734, lsn: 0/0153B688, prev 0/0153B4E0, desc: INSERT+INIT off 1 flags 0x08, blkref #0: rel 1663/5/16394 blk 0
rmgr: Transaction len (rec/tot):    242/   242, tx:        734, lsn: 0/0153B768, prev 0/0153B728, desc: PREPARE gid p: 2026-11-23 09:43:42.983980 UTC
rmgr: Transaction len (rec/tot):     52/    52, tx:          0, lsn: 0/0153B860, prev 0/0153B768, desc: COMMIT_PREPARED 734: 2026-11-23 09:43:42.984136 UTC
)";
constexpr const char* kOf18 = R"(
rmgr: Heap        len (rec/tot):     61/    61, tx:        725, lsn: 0/01539F20, prev 0/01728CB8, desc: INSERT+INIT off: 1, flags: 0x08, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        725, lsn: 0/0153A018, prev 0/01539FC0, desc: COMMIT 2026-11-23 09:43:42.886727 UTC
rmgr: Heap        len (rec/tot):     72/    72, tx:        727, lsn: 0/0153A0F8, prev 0/01729510, desc: HOT_UPDATE old_xmax: 755, old_off: 1, old_infobits: [], flags: 0x10, new_xmax: 0, new_off: 3, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        727, lsn: 0/0153A140, prev 0/0153A0F8, desc: COMMIT 2026-11-23 09:43:42.911527 UTC
rmgr: Heap        len (rec/tot):     82/    82, tx:        728, lsn: 0/0153A170, prev 0/01729588, desc: UPDATE old_xmax: 756, old_off: 2, old_infobits: [KEYS_UPDATED], flags: 0x18, new_xmax: 0, new_off: 4, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        728, lsn: 0/0153A208, prev 0/0153A1C8, desc: COMMIT 2026-11-23 09:43:42.911797 UTC
rmgr: Heap        len (rec/tot):     64/    64, tx:        729, lsn: 0/0153A238, prev 0/01729650, desc: DELETE xmax: 757, off: 4, infobits: [KEYS_UPDATED], flags: 0x04, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        729, lsn: 0/0153A278, prev 0/0153A238, desc: COMMIT 2026-11-23 09:43:42.911979 UTC
rmgr: Heap2       len (rec/tot):    650/   650, tx:        730, lsn: 0/0153A2A8, prev 0/017296C0, desc: MULTI_INSERT+INIT ntuples: 50, flags: 0x0A, blkref #0: rel 1663/5/16391 blk 0
rmgr: Transaction len (rec/tot):     46/    46, tx:        730, lsn: 0/0153A538, prev 0/0153A2A8, desc: COMMIT 2026-11-23 09:43:42.934789 UTC
rmgr: LogicalMessage len (rec/tot):     65/    65, tx:        731, lsn: 0/0153A568, prev 0/01729980, desc: MESSAGE transactional, prefix "switchback"; payload (4 bytes): 6F 75 72 73
rmgr: Heap        len (rec/tot):     61/    61, tx:        731, lsn: 0/0153A5B0, prev 0/017299B0, desc: INSERT off: 5, flags: 0x08, blkref #0: rel 1663/5/16384 blk 0
rmgr: Heap        len (rec/tot):     66/    66, tx:        732, lsn: 0/0153A630, prev 0/01729A38, desc: INSERT off: 6, flags: 0x08, blkref #0: rel 1663/5/16384 blk 0
rmgr: Transaction len (rec/tot):     54/    54, tx:        731, lsn: 0/0153A6B8, prev 0/0153A678, desc: COMMIT 2026-11-23 09:43:42.952449 UTC; subxacts: 732
rmgr: Heap        len (rec/tot):     46/    46, tx:        733, lsn: 0/0153B4B0, prev 0/0172A8C0, desc: TRUNCATE flags: [], nrelids: 2, relids: [16384, 16391]
rmgr: Transaction len (rec/tot):    421/   421, tx:        733, lsn: 0/0153B4E0, prev 0/0153B4B0, desc: COMMIT 2026-11-23 09:43:42.983007 UTC; rels: base/5/16391 base/5/16388; inval msgs: catcache 55
rmgr: Heap        len (rec/tot):     61/    61, tx:        734, lsn: 0/0153B688, prev 0/0172A940, desc: INSERT+INIT off: 1, flags: 0x08, blkref #0: rel 1663/5/16394 blk 0
rmgr: Transaction len (rec/tot):    242/   242, tx:        734, lsn: 0/0153B768, prev 0/0172AB88, desc: PREPARE gid p: 2026-11-23 09:44:53.161504 UTC
rmgr: Transaction len (rec/tot):     52/    52, tx:          0, lsn: 0/0153B860, prev 0/0172ABC8, desc: COMMIT_PREPARED 734: 2026-11-23 09:43:42.984136 UTC
rmgr: Heap        len (rec/tot):     54/    54, tx:        735, lsn: 0/0153B960, prev 0/0172ACC0, desc: LOCK xmax: 763, off: 1, infobits: [LOCK_ONLY, EXCL_LOCK, KEYS_UPDATED], flags: 0x00, blkref #0: rel 1663/5/16395 blk 0
rmgr: Transaction len (rec/tot):     34/    34, tx:        735, lsn: 0/0153B980, prev 0/0172ACF8, desc: ABORT 2026-11-23 09:44:53.198895 UTC
)";

const pg::QualifiedName kT{"public", "t"};
const pg::QualifiedName kU{"public", "u"};

// `whose`: the tag "ours" is.
WalAccount Count(const std::string& lines, const std::vector<Relation>& relations, const char* from = "0/1000000",
                 const std::string& whose = "") {
  const auto read = [&](const std::string& tag) { return tag == "ours" ? std::optional(whose) : std::nullopt; };
  WalCounter counter(5, Lsn::Parse(from), read, relations);
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    WalRecord record;
    if (ParseWalRecord(line, record)) counter.Add(record);
  }
  return counter.account();
}

std::string Text(const WalTable& table) {
  return fmt::format("{} {} {} {}", table.inserted, table.updated, table.deleted, table.truncated);
}

const std::vector<Relation> kAtThePoint = {{.oid = 16384, .filenode = 16384, .table = kT},
                                           {.oid = 16391, .filenode = 16391, .table = kU}};

TEST(WalAccount, CountsRowsByTableInTheWordsOfEachMajor) {
  for (const char* lines : {kOf15, kOf18}) {
    const WalAccount account = Count(lines, kAtThePoint);
    EXPECT_EQ(account.applications, 7);
    EXPECT_EQ(account.own, 1);
    EXPECT_EQ(Text(account.tables.at(kT)), "1 2 1 1") << "the release's two rows are not among them";
    EXPECT_EQ(Text(account.tables.at(kU)), "50 0 0 1");
    EXPECT_EQ(account.tables.size(), 2U);
    EXPECT_EQ(account.unnamed, 1) << "the table's file after the TRUNCATE was not known at the point";
    EXPECT_EQ(account.unread, 0);
    EXPECT_EQ(base::FormatTime(*account.first), "2026-11-23T09:43:42.886727Z");
    EXPECT_EQ(base::FormatTime(*account.last), "2026-11-23T09:43:42.984136Z");
  }
}

TEST(WalAccount, AnotherReleasesRowsAreNoApplications) {
  const WalAccount account = Count(kOf15, kAtThePoint, "0/1000000", "another");
  EXPECT_EQ(account.applications, 7);
  EXPECT_EQ(account.own, 0);
  EXPECT_EQ(account.releases.at("another").transactions, 1);
  EXPECT_EQ(account.releases.at("another").tables.at(kT).inserted, 2);
  EXPECT_EQ(Text(account.tables.at(kT)), "1 2 1 1");
}

// The names of the point come first, those of today name what is new.
TEST(WalAccount, NamesFilesByThePointAndThenByToday) {
  std::vector<Relation> relations = kAtThePoint;
  relations.push_back({.oid = 16384, .filenode = 16394, .table = pg::QualifiedName{"public", "t"}});
  relations.push_back({.oid = 16500, .filenode = 16391, .table = pg::QualifiedName{"public", "renamed"}});
  const WalAccount account = Count(kOf15, relations);
  EXPECT_EQ(account.unnamed, 0);
  EXPECT_EQ(Text(account.tables.at(kT)), "2 2 1 1");
  EXPECT_EQ(account.tables.size(), 2U);
}

TEST(WalAccount, RowsOfNoTableMakeNoTransactionOfAnApplication) {
  const WalAccount account = Count(kOf15, {{.oid = 16384, .filenode = 16384, .table = kT},
                                           {.oid = 16391, .filenode = 16391, .table = std::nullopt}});
  EXPECT_EQ(account.applications, 6) << "what was copied into u does not count";
  EXPECT_EQ(account.tables.size(), 1U);
}

TEST(WalAccount, CountsFromThePointOn) {
  const WalAccount account = Count(kOf15, kAtThePoint, "0/153A278");
  EXPECT_EQ(account.applications, 4);
  EXPECT_EQ(Text(account.tables.at(kT)), "0 0 1 1") << "the DELETE was written before, and committed behind";
}

TEST(WalAccount, AFormThatIsNotKnownIsNoEvidence) {
  EXPECT_EQ(
      Count("rmgr: Heap len (rec/tot): 61/ 61, tx: 725, lsn: 0/01539F20, prev 0/0, desc: INSERT into 1663.5.16384",
            kAtThePoint)
          .unread,
      1);
  EXPECT_EQ(
      Count("rmgr: Heap len (rec/tot): 61/ 61, tx: 725, lsn: 0/01539F20, prev 0/0, desc: INSERT off 1, blkref #0: "
            "rel 1663/5/16384 blk 0\n"
            "rmgr: Transaction len (rec/tot): 46/ 46, tx: 725, lsn: 0/0153A018, prev 0/0, desc: COMMIT today",
            kAtThePoint)
          .unread,
      1);
}

void ExpectRelations(const base::Json& json) {
  const std::vector<Relation> relations = RelationsFromJson(json);
  ASSERT_EQ(relations.size(), 2U);
  EXPECT_EQ(relations[0].oid, 1U);
  EXPECT_EQ(relations[0].table, kT);
  EXPECT_TRUE(relations[0].unlogged);
  EXPECT_FALSE(relations[1].table);
  EXPECT_EQ(relations[1].filenode, 4U);
}

TEST(WalAccount, RelationsGoThroughJsonAsOneText) {
  const base::Json json = ToJson({{.oid = 1, .filenode = 2, .table = kT, .unlogged = true}, {.oid = 3, .filenode = 4}});
  EXPECT_TRUE(json.is_string());
  ExpectRelations(json);
  EXPECT_TRUE(RelationsFromJson(nullptr).empty());
}

TEST(WalAccount, RelationsThatAnEarlierProgramListedAreRead) {
  ExpectRelations({{{"oid", 1}, {"filenode", 2}, {"unlogged", true}, {"schema", kT.schema}, {"table", kT.name}},
                   {{"oid", 3}, {"filenode", 4}, {"unlogged", false}, {"schema", nullptr}, {"table", nullptr}}});
}

}  // namespace
}  // namespace backup
