#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "pg/connection.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::HasSubstr;
using testing::Not;

base::Error Caught(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Code::kInternal, "nothing was thrown"};
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    options_.binaries = FindBinaries();
    options_.account = ServerAccount();
    options_.data = workspace_.path() / "data";
    options_.settings = {{"fsync", "off"}};
  }

  [[nodiscard]] static std::string Ask(const Server& server, const std::string& sql) {
    return pg::Connection::Open({.conninfo = server.Url()}).Exec(sql).Text(0, 0);
  }

  // A file in the data directory, as the server's account would have left it.
  void Write(const std::string& name, const std::string& text) const {
    base::WriteFile(options_.data / name, text);
    if (options_.account) {
      ASSERT_EQ(::chown((options_.data / name).c_str(), options_.account->uid, options_.account->gid), 0);
    }
  }

  Workspace workspace_{"test"};
  ServerOptions options_;
};

TEST_F(ServerTest, StartsStopsAndStartsAgain) {
  auto server = Server::Initialize(options_);
  EXPECT_FALSE(server.Running());
  server.Start();
  EXPECT_TRUE(server.Running());
  EXPECT_EQ(Ask(server, "SHOW server_encoding"), "UTF8");
  EXPECT_EQ(Ask(server, "SHOW data_directory"), options_.data.string());
  {
    auto connection = pg::Connection::Open({.conninfo = server.Url()});
    connection.Exec("CREATE DATABASE \"a/b ü%?&'\"");
  }
  auto hostile = pg::Connection::Open({.conninfo = server.Url("a/b ü%?&'")});
  EXPECT_EQ(hostile.Exec("SELECT current_database()").Text(0, 0), "a/b ü%?&'");
  server.Stop();
  EXPECT_FALSE(server.Running());
  EXPECT_TRUE(hostile.BackendPid() > 0 && Caught([&] { hostile.Exec("SELECT 1"); }).code() == Code::kConnectionLost);
  server.Start();
  EXPECT_EQ(Ask(server, "SELECT count(*) FROM pg_database WHERE datname LIKE 'a/b%'"), "1");
  EXPECT_EQ(Caught([&] { Server::Initialize(options_); }).code(), Code::kFileWrite);
}

// Who may enter its directory is its superuser, so nobody else may, and what it was started with tells nothing.
TEST_F(ServerTest, IsReachedThroughItsOwnSocketAloneAndKnowsNoSecret) {
  ::setenv("DATABASE_URL", "postgresql://u:s3cret@h/d", 1);
  ::setenv("PGPASSWORD", "s3cret", 1);
  auto server = Server::Initialize(options_);
  server.Start();
  ::unsetenv("DATABASE_URL");
  ::unsetenv("PGPASSWORD");
  EXPECT_EQ(Ask(server, "SHOW listen_addresses"), "");
  EXPECT_EQ(Ask(server, "SELECT string_agg(type, ' ') FROM pg_hba_file_rules"), "local local");
  struct stat facts {};
  const fs::path socket = options_.data.parent_path() / (".s.PGSQL." + std::to_string(server.port()));
  ASSERT_EQ(::stat(socket.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat(socket.parent_path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0077, 0U);
  EXPECT_THROW(pg::Connection::Open({.conninfo = "host=127.0.0.1 user=postgres port=" + std::to_string(server.port())}),
               base::Error);
  const std::string environment = base::ReadFile(fs::path("/proc") / std::to_string(server.pid()) / "environ");
  EXPECT_THAT(environment, HasSubstr("PATH="));
  EXPECT_THAT(environment, Not(HasSubstr("s3cret")));
}

// The account of the server may put links into its directory; root must not follow them.
TEST_F(ServerTest, LinksOfItsAccountLeadNowhere) {
  if (!base::RunningAsRoot()) GTEST_SKIP() << "needs root";
  const Workspace outside("test");
  ASSERT_EQ(::chown(outside.path().c_str(), 0, 0), 0);
  const fs::path secret = outside.path() / "secret";
  base::WriteFile(secret, "work_mem = '7MB' # s3cret\n", 0600);
  auto server = Server::Initialize(options_);
  fs::create_symlink(secret, options_.data.string() + ".log");
  EXPECT_EQ(Caught([&] { server.Start(); }).code(), Code::kFileRead);
  fs::remove(options_.data.string() + ".log");
  fs::remove(options_.data / "postgresql.conf");
  fs::create_symlink(secret, options_.data / "postgresql.conf");
  EXPECT_EQ(Caught([&] { server.Start(); }).code(), Code::kFileRead);
  EXPECT_EQ(base::ReadFile(secret), "work_mem = '7MB' # s3cret\n");
}

TEST_F(ServerTest, FailedStartShowsTheLog) {
  options_.settings["shared_preload_libraries"] = "no_such_library";
  auto server = Server::Initialize(options_);
  const auto error = Caught([&] { server.Start(); });
  EXPECT_EQ(error.code(), Code::kServerStart);
  EXPECT_THAT(error.detail(), HasSubstr("no_such_library"));
  EXPECT_FALSE(server.Running());
}

TEST_F(ServerTest, TakenPortIsSaid) {
  auto first = Server::Initialize(options_);
  first.Start();
  auto second_options = options_;
  second_options.data = workspace_.path() / "second";
  second_options.port = first.port();
  auto second = Server::Initialize(second_options);
  EXPECT_THAT(Caught([&] { second.Start(); }).message(), HasSubstr("is in use"));
  EXPECT_EQ(Ask(first, "SELECT 1"), "1");
}

// What a backup of another server brings along must not lead to that server's files, or be archived for it.
TEST_F(ServerTest, OwnSettingsWinOverThoseOfTheDataDirectory) {
  auto original = Server::Initialize(options_);
  original.Start();
  pg::Connection::Open({.conninfo = original.Url()})
      .Exec("ALTER SYSTEM SET archive_cleanup_command = 'touch /nowhere'");
  pg::Connection::Open({.conninfo = original.Url()}).Exec("ALTER SYSTEM SET work_mem = '7MB'");
  original.Stop();
  Write("postgresql.conf",
        "data_directory = '/var/lib/elsewhere'\nhba_file = '/etc/elsewhere/pg_hba.conf'\n"
        "external_pid_file = '/nowhere/x.pid'\nlogging_collector = on\nssl = on\narchive_mode = on\n");

  auto adopted_options = options_;
  adopted_options.settings["archive_cleanup_command"] = "it's \\ off";
  auto adopted = Server::Adopt(adopted_options);
  adopted.Start();
  EXPECT_EQ(Ask(adopted, "SHOW data_directory"), options_.data.string());
  EXPECT_EQ(Ask(adopted, "SELECT setting FROM pg_settings WHERE name = 'archive_cleanup_command'"), "it's \\ off");
  EXPECT_EQ(Ask(adopted, "SHOW archive_mode"), "off");
  EXPECT_EQ(Ask(adopted, "SHOW work_mem"), "7MB");
  adopted.Stop();

  fs::remove(options_.data / "postgresql.conf");  // Debian keeps it in /etc, out of the backup
  adopted.Start();
  EXPECT_EQ(Ask(adopted, "SELECT setting FROM pg_settings WHERE name = 'archive_cleanup_command'"), "it's \\ off");
}

TEST_F(ServerTest, PromotionIsWaitedForOrItsFailureShown) {
  auto server = Server::Initialize(options_);
  options_.settings["restore_command"] = "false";
  Write("recovery.signal", "");
  auto recovered = Server::Adopt(options_);
  recovered.Start(std::chrono::seconds(60), true);
  EXPECT_EQ(Ask(recovered, "SELECT pg_is_in_recovery()"), "f");
  EXPECT_FALSE(fs::exists(options_.data / "recovery.signal"));
  recovered.Stop();

  options_.settings["recovery_target_name"] = "never made";
  Write("recovery.signal", "");
  auto lost = Server::Adopt(options_);
  const auto error = Caught([&] { lost.Start(std::chrono::seconds(60), true); });
  EXPECT_EQ(error.code(), Code::kServerStart);
  EXPECT_THAT(error.detail(), HasSubstr("recovery ended before configured recovery target was reached"));
}

TEST_F(ServerTest, PasswordsAreCheckedAndNeverShown) {
  auto server = Server::Initialize(options_);
  Write("scram_hba.conf", "local all postgres trust\nlocal all app scram-sha-256\nlocal all outsider reject\n");
  options_.settings["hba_file"] = (options_.data / "scram_hba.conf").string();
  server = Server::Adopt(options_);
  server.Start();
  pg::Connection::Open({.conninfo = server.Url()})
      .Exec(
          "CREATE ROLE app LOGIN PASSWORD 'right'; CREATE ROLE outsider LOGIN; CREATE TABLE public.t ();"
          "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC");
  auto as = [&](const std::string& user, const std::string& password, const std::string& database = "postgres") {
    return "host=" + workspace_.path().string() + " port=" + std::to_string(server.port()) + " user=" + user +
           " dbname=" + database + (password.empty() ? "" : " password=" + password);
  };
  auto app = pg::Connection::Open({.conninfo = as("app", "right")});
  EXPECT_EQ(Caught([&] { app.Exec("SELECT * FROM public.t"); }).code(), Code::kPrivilege);
  for (const auto& conninfo : {as("app", "s3cret"), as("app", ""), as("outsider", "s3cret")}) {
    const auto error = Caught([&] { pg::Connection::Open({.conninfo = conninfo}); });
    EXPECT_EQ(error.code(), Code::kAuthentication) << error.Text();
    EXPECT_THAT(error.Text() + error.ToJson().dump(), Not(HasSubstr("s3cret")));
  }
  EXPECT_EQ(Caught([&] { pg::Connection::Open({.conninfo = as("app", "right", "template1")}); }).code(),
            Code::kPrivilege);
}

TEST(Binaries, MissingVersionNamesThePackage) {
  const auto error = Caught([] { FindBinaries(9); });
  EXPECT_EQ(error.code(), Code::kNoBinaries);
  EXPECT_THAT(error.hint(), HasSubstr("postgresql-9"));
  EXPECT_GE(FindBinaries().major, 14);
}

TEST(ServerAccount, IsTheOwnersOrPostgres) {
  if (!base::RunningAsRoot()) {
    EXPECT_FALSE(ServerAccount());
    return;
  }
  EXPECT_NE(ServerAccount()->uid, 0U);
  EXPECT_NE(ServerAccount("/root")->uid, 0U);
  Workspace workspace("test");
  ASSERT_EQ(::chown(workspace.path().c_str(), 4242, 4343), 0);
  EXPECT_EQ(ServerAccount(workspace.path())->uid, 4242U);
  EXPECT_EQ(ServerAccount(workspace.path())->gid, 4343U);
  ASSERT_EQ(::chown(workspace.path().c_str(), 0, 0), 0);
}

}  // namespace
}  // namespace sandbox
