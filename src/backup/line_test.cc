#include "backup/line.h"

#include <gtest/gtest.h>

#include "backup/found_command.h"
#include "backup/local/repository.h"

namespace backup {
namespace {

TEST(Line, OnlyARestoreBeginsOne) {
  EXPECT_EQ(RestoredAt("", 1), "");
  EXPECT_EQ(RestoredAt("1\t0/3000000\tno recovery target specified\n", 2), "") << "a failover goes on";
  const std::string restored = "1\t0/3000100\tat restore point \"sb_1\"\n\n";
  EXPECT_EQ(RestoredAt(restored, 2), "2-0_3000100");
  EXPECT_EQ(RestoredAt(restored + "\n2\tA/4\tno recovery target specified\n", 3), "2-0_3000100");
  EXPECT_EQ(RestoredAt(restored + "2\tA/4\tbefore LSN A/4\n", 7), "7-A_4");
  EXPECT_EQ(RestoredAt("# a comment\n1\t0/5\tbefore 2026-11-22 00:00:00+00\n", 4), "4-0_5");
}

TEST(Line, KeysTheRepository) {
  using local::RepositoryOf;
  EXPECT_EQ(RepositoryOf("/backups", {.system_identifier = "77"}), "/backups");
  EXPECT_EQ(RepositoryOf("/b/{system_identifier}/x", {.system_identifier = "77"}), "/b/77/x");
  EXPECT_EQ(RepositoryOf("/b/{system_identifier}", {.system_identifier = "77", .restored = "2-0_5"}),
            "/b/77/lines/2-0_5");
}

TEST(FoundCommand, IsRecognised) {
  using Tool = FoundCommand::Tool;
  const auto is = [](const std::string& command, Tool tool, const std::string& name) {
    const FoundCommand found = Recognise(command);
    EXPECT_EQ(found.tool, tool) << command;
    EXPECT_EQ(found.name, name) << command;
    EXPECT_FALSE(What(found).empty());
    EXPECT_EQ(WhatFits(found).find("provider: ") != std::string::npos, found.HasProvider());
  };
  is("pgbackrest --stanza=main archive-push %p", Tool::kPgBackRest, "main");
  is("/usr/bin/pgbackrest --config=/etc/x --stanza main archive-push \"%p\"", Tool::kPgBackRest, "main");
  is("pgbackrest archive-push %p", Tool::kPgBackRest, "");
  is("barman-wal-archive -c backup pg %p", Tool::kBarman, "pg");
  is("rsync -a %p barman@backup:/var/lib/barman/pg/incoming/%f", Tool::kBarman, "pg");
  is("envdir /etc/wal-g.d/env wal-g wal-push %p", Tool::kWalG, "");
  is("test ! -f /archive/%f && cp %p /archive/%f", Tool::kCopy, "");
  is("/opt/ship %p", Tool::kOther, "");
  is(local::ArchiveCommand("/elsewhere"), Tool::kSwitchback, "");
}

TEST(FoundCommand, GoesOnBesideOurs) {
  const std::string ours = local::ArchiveCommand("/b");
  const std::string both = Beside(ours, Recognise("test ! -f /a/%f && cp %p /a/%f"));
  EXPECT_EQ(both, "( " + ours +
                      " ) && ( ( test ! -f /a/%f && cp %p /a/%f ) || [ \"$(sha256sum <%p)\" = \"$(sha256sum <"
                      "/a/%f)\" ] )");
  EXPECT_EQ(Beside(ours, Recognise("wal-g wal-push %p")), "( " + ours + " ) && ( wal-g wal-push %p )");
  EXPECT_EQ(Recognise("scp %p backup:/a/%f").target, "") << "that is another machine's";
  EXPECT_TRUE(Runs(ours, ours));
  EXPECT_TRUE(Runs(both, ours));
  EXPECT_FALSE(Runs(both, local::ArchiveCommand("/c")));
  EXPECT_EQ(Beside(ours, Recognise("cp %p /a/%f # keep")), "") << "the comment would swallow the parenthesis";
}

}  // namespace
}  // namespace backup
