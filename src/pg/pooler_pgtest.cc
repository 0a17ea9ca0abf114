// Through a real PgBouncer, run as the server's account: it refuses root.

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "pg/connection.h"
#include "pg/conninfo.h"
#include "postgres_test.h"

namespace pg {
namespace {

namespace fs = std::filesystem;
using base::Code;
using testing::HasSubstr;

class PoolerTest : public test::PostgresTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    server_ = ParseConninfo(url());
    if (base::RunningAsRoot()) account_ = base::FindAccount("postgres");
    directory_ = fs::temp_directory_path() / ("sb-pooler-" + base::RandomHex(4));
    base::MakeDirectories(directory_, 0700);
    Give(directory_);
    StartPooler();
  }

  void TearDown() override {
    if (pooler_) {
      pooler_->Signal(SIGKILL);
      pooler_->Wait(std::chrono::seconds(10));
    }
    fs::remove_all(directory_);
    PostgresTest::TearDown();
  }

  [[nodiscard]] std::string Pooled(const std::string& more = "") const {
    return fmt::format("host={} port=6432 user=postgres dbname=pooled {}", directory_.string(), more);
  }

  std::map<std::string, std::string> server_;

 private:
  void Give(const fs::path& path) const {
    if (!account_) return;
    ASSERT_EQ(::chown(path.c_str(), account_->uid, account_->gid), 0);
  }

  void Write(const std::string& name, const std::string& text) const {
    base::WriteFile(directory_ / name, text);
    Give(directory_ / name);
  }

  void StartPooler() {
    std::string database = server_["dbname"];
    for (std::size_t at = 0; (at = database.find('\'', at)) != std::string::npos; at += 2) database.insert(at, 1, '\'');
    Write("users.txt", "\"postgres\" \"\"\n");
    Write("pgbouncer.ini", fmt::format("[databases]\n"
                                       "pooled = host={} port={} user=postgres dbname='{}'\n"
                                       "[pgbouncer]\n"
                                       "listen_addr =\nlisten_port = 6432\nunix_socket_dir = {}\n"
                                       "auth_type = trust\nauth_file = {}/users.txt\n"
                                       "pool_mode = {}\ndefault_pool_size = 1\n",
                                       server_["host"], server_["port"], database, directory_.string(),
                                       directory_.string(), GetParam()));
    pooler_.emplace(base::Child::Start(
        {.argv = {"/usr/sbin/pgbouncer", (directory_ / "pgbouncer.ini").string()}, .cwd = "/", .account = account_},
        directory_ / "log"));
    while (base::ReadFile(directory_ / "log").find("process up") == std::string::npos) {
      ASSERT_TRUE(pooler_->Running()) << base::ReadFile(directory_ / "log");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  fs::path directory_;
  std::optional<base::Account> account_;
  std::optional<base::Child> pooler_;
};

TEST_P(PoolerTest, IsRefusedAndNothingStaysBehindInItsSessions) {
  try {
    Connection::Open({.conninfo = Pooled()});
    FAIL() << "a pooler was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Code::kPooler) << error.Text();
    EXPECT_THAT(error.hint(), HasSubstr("address of the server itself"));
  }
  const auto seen = base::RunOrThrow({.argv = {"psql", "-XAtd", Pooled(), "-c", "SHOW search_path"}});
  EXPECT_EQ(seen.out, "\"$user\", public\n");
}

TEST_P(PoolerTest, IsNamedWhenItRefusesAStartupParameter) {
  try {
    Connection::Open({.conninfo = Pooled("options='-c work_mem=8MB'")});
    FAIL() << "a pooler was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), Code::kPooler) << error.Text();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, PoolerTest, testing::Values("transaction", "session"),
                         [](const auto& mode) { return mode.param; });

}  // namespace
}  // namespace pg
