#include "backup/pgbackrest/info.h"

#include <gtest/gtest.h>

#include "backup/pgbackrest/tool.h"
#include "base/error.h"

namespace backup::pgbackrest {
namespace {

using base::Json;

// As 2.45 prints it, shortened: a full backup with the annotation of ours, one of another server under the stanza's
// name, one with broken pages, one taken offline, and one in another repository.
Json Info() {
  return Json::parse(R"json([
 {"name":"other","repo":[{"key":1,"status":{"code":0,"message":"ok"}}],"db":[],"archive":[],"backup":[]},
 {"name":"shop","status":{"code":4,"message":"different across repos"},
  "repo":[{"key":1,"status":{"code":0,"message":"ok"}},{"key":2,"status":{"code":2,"message":"no valid backups"}},
          {"key":3,"status":{"code":3,"message":"missing stanza data"}}],
  "db":[{"id":1,"repo-key":1,"system-id":7711015405755841832,"version":"15"},
        {"id":2,"repo-key":1,"system-id":18446744073709551615,"version":"16"},
        {"id":1,"repo-key":2,"system-id":7711015405755841832,"version":"15"}],
  "archive":[{"database":{"id":1,"repo-key":1},"id":"15-1","max":"000000010000000000000083","min":"000000010000000000000064"},
             {"database":{"id":2,"repo-key":1},"id":"16-2","max":null,"min":null},
             {"database":{"id":1,"repo-key":2},"id":"15-1","max":null,"min":null}],
  "backup":[
   {"annotation":{"switchback":"mine"},"archive":{"start":"000000010000000000000064","stop":"000000020000000000000065"},
    "database":{"id":1,"repo-key":1},"error":false,"info":{"size":737770206},"label":"20261122-153944F",
    "lsn":{"start":"0/64000028","stop":"0/65000088"},"timestamp":{"start":1795361984,"stop":1795361989},"type":"full"},
   {"archive":{"start":"000000010000000000000001","stop":"000000010000000000000001"},
    "database":{"id":2,"repo-key":1},"error":null,"info":{"size":1},"label":"20261120-000000F",
    "lsn":{"start":"0/4000028","stop":"0/4000100"},"timestamp":{"start":1795100000,"stop":1795100001},"type":"full"},
   {"archive":{"start":"000000010000000000000070","stop":"000000010000000000000070"},
    "database":{"id":1,"repo-key":1},"error":true,"info":{"size":1},"label":"broken",
    "lsn":{"start":"0/70000028","stop":"0/70000100"},"timestamp":{"start":1795362000,"stop":1795362001},"type":"full"},
   {"archive":{"start":null,"stop":null},"database":{"id":1,"repo-key":1},"error":false,"info":{"size":1},
    "label":"offline","lsn":{"start":null,"stop":null},"timestamp":{"start":1795362000,"stop":1795362001},"type":"full"},
   {"archive":{"start":"000000010000000000000064","stop":"000000010000000000000065"},
    "database":{"id":1,"repo-key":2},"error":false,"info":{"size":1},"label":"elsewhere",
    "lsn":{"start":"0/64000028","stop":"0/65000088"},"timestamp":{"start":1795361984,"stop":1795361989},"type":"full"}
  ]}])json");
}

base::Error Refusal(const Json& info, const std::string& stanza, int repository) {
  try {
    ReadInfo(info, stanza, repository);
  } catch (const base::Error& error) {
    return error;
  }
  return base::Error(base::Code::kInternal, "nothing was refused");
}

TEST(PgBackRestInfo, ListsWhatCanBeRestored) {
  const StanzaInfo info = ReadInfo(Info(), "shop", 1);
  ASSERT_EQ(info.sets.size(), 2U);
  EXPECT_EQ(info.archive, "16-2");
  EXPECT_EQ(info.sets[0].backup.id, "20261120-000000F") << "oldest first";
  EXPECT_EQ(info.sets[0].backup.system_identifier, "18446744073709551615");
  EXPECT_EQ(info.sets[0].backup.segment_bytes, 64U << 20) << "found out from a segment's name and position";
  const BackupSet& set = info.sets[1];
  EXPECT_EQ(set.archive, "15-1");
  EXPECT_EQ(set.mark, "mine");
  EXPECT_EQ(set.backup.system_identifier, "7711015405755841832");
  EXPECT_EQ(set.backup.timeline, 2U) << "where it ends";
  EXPECT_EQ(set.backup.start, Lsn::Parse("0/64000028"));
  EXPECT_EQ(set.backup.end, Lsn::Parse("0/65000088"));
  EXPECT_EQ(set.backup.segment_bytes, 16U << 20);
  EXPECT_EQ(set.backup.server_major, 15);
  EXPECT_EQ(base::FormatTime(set.backup.taken), "2026-11-22T15:39:49.000000Z");
  EXPECT_EQ(set.backup.bytes, 737770206);
  EXPECT_EQ(set.backup.took, std::chrono::seconds(5));
  EXPECT_EQ(ReadInfo(Info(), "shop", 2).sets.size(), 1U);
}

TEST(PgBackRestInfo, RefusesAStanzaThatIsNotThere) {
  EXPECT_EQ(Refusal(Info(), "nothing", 1).code(), base::Code::kRepositoryUnusable);
  EXPECT_EQ(Refusal(Info(), "shop", 4).code(), base::Code::kRepositoryUnusable);
  EXPECT_NE(Refusal(Info(), "shop", 3).message().find("missing stanza data"), std::string::npos);
  Json strange = Info();
  strange[1]["backup"][0].erase("label");
  EXPECT_EQ(Refusal(strange, "shop", 1).code(), base::Code::kBadJson);
}

TEST(PgBackRestTool, NamesExitsAndPassesOnAllThatWasSaid) {
  const base::Error busy =
      Failure(base::Code::kBackupFailed, "backup", {.exit = 50, .out = "one\n", .err = "ERROR: [050]: two\n"});
  EXPECT_EQ(busy.code(), base::Code::kRepositoryBusy);
  EXPECT_EQ(busy.message(), "pgbackrest backup failed with exit status 50 (lock-acquire)");
  EXPECT_EQ(busy.detail(), "one\nERROR: [050]: two");
  EXPECT_EQ(Failure(base::Code::kBackupFailed, "backup", {.exit = 64, .out = "", .err = "[28] No space left on device"})
                .code(),
            base::Code::kNoSpace);
  EXPECT_EQ(Failure(base::Code::kBackupFailed, "backup", {.exit = 137, .out = "", .err = ""}).message(),
            "pgbackrest backup failed with exit status 137");
}

TEST(PgBackRestTool, WritesALineForTheServer) {
  const Tool tool({.stanza = "the shop", .config = "/etc/100%.conf", .repository = 2});
  EXPECT_EQ(tool.SettingLine("archive-push", {}, "%p"),
            "pgbackrest '--stanza=the shop' '--config=/etc/100%%.conf' archive-push %p");
  EXPECT_EQ(tool.SettingLine("archive-get", {"--no-archive-async"}, "%f"),
            "pgbackrest '--stanza=the shop' '--config=/etc/100%%.conf' --repo=2 --no-archive-async archive-get %f");
}

}  // namespace
}  // namespace backup::pgbackrest
