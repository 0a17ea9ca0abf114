#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "journal/mirror.h"
#include "journal/sql_text.h"
#include "pg/quote.h"
#include "postgres_test.h"

namespace journal {
namespace {

class Mirror : public test::PostgresTest {};

TEST_F(Mirror, InstallsOnceHoweverManyInstallIt) {
  std::vector<std::jthread> installers;
  for (int i = 0; i < 4; ++i) {
    installers.emplace_back([this] {
      auto connection = Connect();
      InstallSchema(connection);
    });
  }
  installers.clear();
  auto connection = Connect();
  EXPECT_TRUE(SchemaInstalled(connection));
  InstallSchema(connection);
}

TEST_F(Mirror, KeepsLinesAndTheTouchedObjectsOfEachPlan) {
  auto connection = Connect();
  InstallSchema(connection);
  const auto directory = std::filesystem::temp_directory_path() / ("mirror-test-" + base::RandomHex(6));
  Journal journal = Journal::Open(directory);
  for (int i = 1; i <= 4; ++i) journal.Append("note", {{"text", "é 'quoted' \\ " + std::to_string(i)}});
  MirrorLines(connection, "r", journal, 2);
  EXPECT_EQ(MirroredLines(connection, "r").size(), 2U);
  MirrorLines(connection, "r", journal, 4);
  const auto lines = MirroredLines(connection, "r");
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[3], ToLine(journal.events()[3]));
  EXPECT_TRUE(MirroredLines(connection, "another").empty());
  std::filesystem::remove_all(directory);

  EXPECT_FALSE(LoadTouched(connection, "r"));
  EnterRelease(connection, {"r", "sha256:1", "7", "0badcafe"});
  EXPECT_FALSE(LoadTouched(connection, "r"));
  const base::Json touched = {{"public.t", {{"columns", {"ü", "b"}}}}, {"public.gone", nullptr}};
  StoreTouched(connection, "r", touched);
  EnterRelease(connection, {"r", "sha256:1", "7", "0badcafe"});
  EXPECT_EQ(LoadTouched(connection, "r"), touched);
  EnterRelease(connection, {"r", "sha256:2", "7", "0badcafe"});
  EXPECT_FALSE(LoadTouched(connection, "r"));
}

// One who slept while another wrote is told so.
TEST_F(Mirror, TellsALateReaderThatAnotherWrote) {
  auto connection = Connect();
  InstallSchema(connection);
  const auto directory = std::filesystem::temp_directory_path() / ("mirror-test-" + base::RandomHex(6));
  Journal journal = Journal::Open(directory);
  journal.Append("note", {{"text", "both"}});
  const Journal late = journal;
  journal.Append("note", {{"text", "later"}});
  MirrorLines(connection, "r", journal, 2);
  const auto mirrored = MirroredLines(connection, "r");
  const auto code = [&](const Journal& checked) -> std::optional<base::Code> {
    try {
      CheckMirrorIsPrefix(checked, mirrored);
      return std::nullopt;
    } catch (const base::Error& error) {
      return error.code();
    }
  };
  EXPECT_EQ(code(journal), std::nullopt);
  EXPECT_EQ(code(late), base::Code::kJournalBusy);
  std::filesystem::remove_all(directory);
}

TEST_F(Mirror, KeepsFilesForOtherCheckouts) {
  auto connection = Connect();
  EXPECT_EQ(LoadFile(connection, "r", "plan.lock.json"), std::nullopt);
  InstallSchema(connection);
  EXPECT_EQ(LoadFile(connection, "r", "plan.lock.json"), std::nullopt);
  for (const char* text : {"one", "two"}) {
    StoreFile(connection, "r", "plan.lock.json", text);
    EXPECT_EQ(LoadFile(connection, "r", "plan.lock.json"), text);
  }
  EXPECT_EQ(LoadFile(connection, "other", "plan.lock.json"), std::nullopt);
}

TEST_F(Mirror, KnowsEachRunnerOnceAndByItsPublicKeyAlone) {
  auto connection = Connect();
  EXPECT_TRUE(ReadRunners(connection).empty());
  InstallSchema(connection);
  for (const char* secret : {"one", "two", "one"}) EnterRunner(connection, secret);
  const Keys keys = ReadRunners(connection);
  EXPECT_EQ(keys.size(), 2U);
  const Tag tag{.release = "r", .step = "expand.1", .direction = "forward"};
  EXPECT_EQ(ReadTag(keys, MakeTag("two", tag)), tag);
  EXPECT_EQ(ReadTag(keys, MakeTag("three", tag)), std::nullopt);
}

// Sync triggers run as the writer of a row: any role may tell them what happened to it, and nothing else.
TEST_F(Mirror, APlainRoleMayTellButNoteReadAndWriteNothing) {
  auto connection = Connect();
  InstallSchema(connection);
  const std::string role = pg::Ident("app \"" + base::RandomHex(4));
  connection.Exec("INSERT INTO switchback.unconverted VALUES ('r', 'public.t', 'c', '{\"id\": 1}', 'up', 'no')");
  connection.Exec("CREATE ROLE " + role + "; SET ROLE " + role);
  connection.Exec("SELECT switchback.tell('s', '{\"id\": 1}', 'up:false')");
  for (const char* sql : {"SELECT * FROM switchback.unconverted", "SELECT * FROM switchback.journal",
                          "DELETE FROM switchback.lease", "CREATE TABLE switchback.mine ()",
                          "SELECT switchback.note('r', 'public.t', 'c', 's', '{\"id\": 1}', false, false)"}) {
    try {
      connection.Exec(sql);
      ADD_FAILURE() << sql;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kPrivilege);
    }
  }
  connection.Exec("RESET ROLE");
  EXPECT_EQ(connection.Exec("SELECT reason FROM switchback.unconverted").Text(0, 0), "no");
}

TEST_F(Mirror, SaysWhichRightIsMissing) {
  auto connection = Connect();
  const std::string role = pg::Ident("app \"" + base::RandomHex(4));
  connection.Exec("CREATE ROLE " + role + "; SET ROLE " + role);
  try {
    InstallSchema(connection);
    ADD_FAILURE() << "installed without a right";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::Code::kPrivilege);
    EXPECT_NE(error.hint().find("GRANT CREATE ON DATABASE"), std::string::npos) << error.hint();
    EXPECT_NE(error.hint().find(role), std::string::npos);
  }
  connection.Exec("RESET ROLE; DROP ROLE " + role);
}

TEST_F(Mirror, ItsSqlPrepares) {
  auto connection = Connect();
  InstallSchema(connection);
  for (const auto sql :
       {sql_text::kSeal, sql_text::kMirrorLine, sql_text::kMirroredLines, sql_text::kMirroredCount,
        sql_text::kStoreTouched, sql_text::kLoadTouched, sql_text::kEnterRelease, sql_text::kSchemaInstalled,
        sql_text::kSchemaCurrent, sql_text::kHoldTouched, sql_text::kReadEnding, sql_text::kReadReleases,
        sql_text::kStoreFile, sql_text::kLoadFile, sql_text::kEnterRunner, sql_text::kReadRunners}) {
    connection.CheckPrepares(std::string(sql));
  }
}

}  // namespace
}  // namespace journal
