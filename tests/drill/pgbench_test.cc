#include "pgbench.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "pg/connection.h"
#include "pgbouncer.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace drill_test {
namespace {

using std::chrono::milliseconds;

constexpr auto kRelease = "balance";
constexpr auto kReleaseYaml = R"(version: 1
title: The balance of an account is a bigint
owner: bank-oncall@example.com
rollback_window: 24h
change: change.sql
)";
constexpr auto kChange = R"(ALTER TABLE pgbench_accounts RENAME COLUMN abalance TO balance;
ALTER TABLE pgbench_accounts ALTER COLUMN balance TYPE bigint;
ALTER TABLE pgbench_accounts ALTER COLUMN balance SET NOT NULL;
)";

// A repair that is none. The applications write to each of these rows, so each image that they send carries the damage.
constexpr auto kSpoil = "UPDATE pgbench_tellers SET bid = 1 WHERE bid <> 1;\n";
constexpr auto kSpoilt = "SELECT count(*) FROM public.pgbench_tellers WHERE bid <> (tid - 1) / 10 + 1";

// Every fiftieth balance, of which some are changed by the applications afterwards: they add to what they see.
constexpr auto kSpoilBalances = "UPDATE pgbench_accounts SET abalance = abalance * 10 + 7 WHERE aid % 50 = 0;\n";
constexpr auto kAdditive = "additive:\n  pgbench_accounts: [abalance]\n";
// As the script does it, of an account whose balance the release changed.
constexpr auto kOnSpoilt =
    "BEGIN; UPDATE pgbench_accounts SET abalance = abalance + 5 WHERE aid = 50;"
    "UPDATE pgbench_tellers SET tbalance = tbalance + 5 WHERE tid = 1;"
    "UPDATE pgbench_branches SET bbalance = bbalance + 5 WHERE bid = 1;"
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 1, 50, 5, CURRENT_TIMESTAMP); COMMIT";

std::string Scale() { return Setting("SB_PGBENCH_SCALE", "3"); }

std::int64_t Transactions(pg::Connection& connection, const std::string& name) {
  return connection.Query("SELECT count(*) FROM public.pgbench_history WHERE filler = $1", {name}).Int(0, 0);
}

bool HasColumn(pg::Connection& connection, const std::string& column) {
  return connection
      .Query(
          "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.pgbench_accounts'::regclass AND attname = "
          "$1 AND NOT attisdropped)",
          {column})
      .Bool(0, 0);
}

// One statement, so one snapshot. Of the two names of the balance, those that exist.
void ExpectEqualSums(pg::Connection& connection) {
  std::string sums =
      "(SELECT sum(tbalance) FROM public.pgbench_tellers), (SELECT sum(bbalance) FROM public.pgbench_branches)";
  for (const std::string column : {"abalance", "balance"}) {
    if (HasColumn(connection, column)) sums += fmt::format(", (SELECT sum({}) FROM public.pgbench_accounts)", column);
  }
  const pg::Result result =
      connection.Exec("SELECT coalesce((SELECT sum(delta) FROM public.pgbench_history), 0), " + sums);
  EXPECT_GE(result.columns(), 4);
  for (int i = 1; i < result.columns(); ++i)
    EXPECT_EQ(result.Int(0, i), result.Int(0, 0)) << "sum " << i << " of " << sums;
}

// A release on a database that pgbench made, walked forward, back and forward again while both scripts run.
class PgbenchRelease : public testing::Test {
 protected:
  void SetUp() override {
    sandbox::Workspace::SweepStale();
    workspace_.emplace("pgbench");
    account_ = sandbox::ServerAccount();
    sandbox::ServerOptions options;
    options.binaries = binaries_;
    options.account = account_;
    options.data = ServerDirectory("server") / "data";
    server_.emplace(sandbox::Server::Initialize(options));
    server_->Start();
    Connect("postgres").Exec("CREATE DATABASE bank");
    // As it is from PostgreSQL 15 on.
    pg::Connection::Open({.conninfo = server_->Url("bank")}).Exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    url_ = server_->Url("bank");
    base::RunOrThrow({.argv = {binaries_.Program("pgbench"), "--initialize", "--quiet", "--scale=" + Scale(), url_}});
    project_ = workspace_->path() / "project";
    base::MakeDirectories(project_ / "releases" / kRelease, 0755);
    base::WriteFile(project_ / "releases" / kRelease / "release.yaml", kReleaseYaml);
    pooler_.emplace(url_, "transaction", 2);
    old_.emplace(binaries_, url_, pooler_->Conninfo(), workspace_->path(), Scale(), "abalance");
    new_.emplace(binaries_, url_, pooler_->Conninfo(), workspace_->path(), Scale(), "balance");
  }

  void TearDown() override {
    old_.reset();
    new_.reset();
    pooler_.reset();
    server_.reset();
  }

  std::filesystem::path ServerDirectory(const std::string& name) {
    const std::filesystem::path directory = workspace_->path() / name;
    base::RunOrThrow({.argv = {"mkdir", "-p", directory.string()}, .cwd = "/", .account = account_});
    return directory;
  }

  pg::Connection Connect(const std::string& database = "bank") const {
    return pg::Connection::Open({.conninfo = server_->Url(database), .application_name = "test"});
  }

  void Switchback(const std::vector<std::string>& arguments) {
    base::Command command{
        .argv = {SB_SWITCHBACK}, .env = {{"DATABASE_URL", url_}}, .inherit = base::Inherit::kAll, .cwd = project_};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.argv.emplace_back("--json");
    const base::Finished finished = base::Run(command);
    ASSERT_EQ(finished.exit, 0) << arguments.front() << "\n" << finished.out << finished.err;
    result_ = base::ParseJson(finished.out, arguments.front()).at("result");
  }

  // The server archives, and the release is planned.
  void Prepare(const std::string& change) {
    base::WriteFile(project_ / "releases" / kRelease / "change.sql", change);
    ASSERT_NO_FATAL_FAILURE(Switchback({"init", "--apply", "--repository", ServerDirectory("backups").string()}));
    server_->Stop();
    server_->Start();
    url_ = server_->Url("bank");
    ASSERT_NO_FATAL_FAILURE(Switchback({"plan", kRelease}));
  }

  // Some time with the applications at work: each one that runs must get on, none may have failed, and no money is made
  // or lost.
  void Arrow(const std::string& where) {
    SCOPED_TRACE(where);
    std::vector<std::string> names = old_->Names();
    const auto more = new_->Names();
    names.insert(names.end(), more.begin(), more.end());
    std::map<std::string, std::int64_t> before;
    pg::Connection connection = Connect();
    for (const std::string& name : names) before[name] = Transactions(connection, name);
    std::this_thread::sleep_for(milliseconds(1500));
    for (const std::string& name : names) {
      EXPECT_GT(Transactions(connection, name), before[name]) << name << " stands still";
    }
    EXPECT_EQ(old_->Complaints(), "");
    EXPECT_EQ(new_->Complaints(), "");
    ExpectEqualSums(connection);
  }

  void ExpectOldRefused() const {
    try {
      Connect().Exec("UPDATE public.pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1");
      ADD_FAILURE() << "the old script is not refused";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.sqlstate(), "42703");
    }
  }

  std::optional<sandbox::Workspace> workspace_;
  sandbox::Binaries binaries_ = sandbox::FindBinaries();
  std::optional<base::Account> account_;
  std::optional<sandbox::Server> server_;
  std::string url_;
  std::filesystem::path project_;
  base::Json result_;  // of the last command
  std::optional<test::PgBouncer> pooler_;
  std::optional<Application> old_;
  std::optional<Application> new_;
};

#define SWITCHBACK(...) ASSERT_NO_FATAL_FAILURE(Switchback({__VA_ARGS__}))

TEST_F(PgbenchRelease, ForwardBackAndForwardWithBothScripts) {
  ASSERT_NO_FATAL_FAILURE(Prepare(kChange));

  old_->Start();
  Arrow("start");
  SWITCHBACK("checkpoint", kRelease);
  SWITCHBACK("run", kRelease);
  new_->Start();
  Arrow("migrate, both");

  EXPECT_EQ(old_->Stop(), "");
  SWITCHBACK("contract", kRelease);
  Arrow("contract, new only");
  ExpectOldRefused();

  SWITCHBACK("rollback", kRelease, "--to", "migrate");
  old_->Start();
  Arrow("back at migrate, both");

  EXPECT_EQ(new_->Stop(), "");
  SWITCHBACK("rollback", kRelease, "--to", "start");
  Arrow("back at start, old only");
  auto connection = Connect();
  EXPECT_FALSE(HasColumn(connection, "balance"));

  SWITCHBACK("run", kRelease);
  new_->Start();
  Arrow("migrate again, both");

  EXPECT_EQ(old_->Stop(), "");
  SWITCHBACK("contract", kRelease);
  Arrow("contract again, new only");
  ExpectOldRefused();
  SWITCHBACK("purge", kRelease);
  Arrow("purge, new only");
  EXPECT_EQ(new_->Stop(), "");

  const pg::Result column = Connect().Exec(
      "SELECT format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
      "WHERE attrelid = 'public.pgbench_accounts'::regclass AND attname = 'balance'");
  ASSERT_EQ(column.rows(), 1);
  EXPECT_EQ(column.Text(0, 0), "bigint");
  EXPECT_TRUE(column.Bool(0, 1));
  EXPECT_EQ(Connect().Exec("SELECT count(*) FROM pg_replication_slots").Int(0, 0), 0)
      << "a release that is over keeps WAL";
  EXPECT_EQ(Connect().Exec("SELECT count(*) FROM pg_publication").Int(0, 0), 0);
}

// The history is the ledger: a restore takes it back to the checkpoint, salvage brings it and all balances up to the
// last transaction that was acknowledged to a client, and nothing of what the release spoilt.
TEST_F(PgbenchRelease, SalvageKeepsTheBooks) {
  ASSERT_NO_FATAL_FAILURE(Prepare(std::string(kChange) + kSpoil));
  old_->Start();
  SWITCHBACK("checkpoint", kRelease);
  SWITCHBACK("run", kRelease);
  new_->Start();
  std::this_thread::sleep_for(std::chrono::seconds(std::stoi(Setting("SB_PGBENCH_SECONDS", "3"))));
  EXPECT_EQ(old_->Complaints(), "");
  EXPECT_EQ(new_->Complaints(), "");
  std::map<std::string, std::int64_t> acknowledged = old_->Finish();
  acknowledged.merge(new_->Finish());
  ASSERT_THAT(acknowledged, testing::SizeIs(4));
  EXPECT_GT(Connect().Exec(kSpoilt).Int(0, 0), 0);

  const auto begin = std::chrono::steady_clock::now();
  SWITCHBACK("restore", kRelease, "--salvage", "--directory", (ServerDirectory("restored") / "data").string());
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
  auto restored = pg::Connection::Open({.conninfo = result_.at("url").get<std::string>(), .application_name = "test"});
  std::int64_t total = 0;
  for (const auto& [name, count] : acknowledged) {
    EXPECT_GT(count, 0) << name;
    EXPECT_EQ(Transactions(restored, name), count) << name;
    total += count;
  }
  ExpectEqualSums(restored);
  EXPECT_FALSE(HasColumn(restored, "balance"));
  EXPECT_EQ(restored.Exec(kSpoilt).Int(0, 0), 0);

  const base::Json& salvage = result_.at("salvage");
  const std::int64_t left_behind = result_.at("left_behind").at("applications");
  EXPECT_GT(left_behind, 0);
  EXPECT_LE(left_behind, total);
  EXPECT_EQ(salvage.at("applied"), 4 * left_behind) << salvage.dump(1);
  EXPECT_EQ(salvage.at("changes"), 4 * left_behind);
  EXPECT_EQ(salvage.at("conflicts"), 0);
  fmt::print(
      "scale {}: {} transactions acknowledged, {} of them since the checkpoint; restored and salvaged in {} ms\n",
      Scale(), total, left_behind, took.count());
}

// Applications that add to corrupted balances leave conflicts, and what they added settles all of them.
TEST_F(PgbenchRelease, WhatWasAddedToCorruptedBalances) {
  base::WriteFile(project_ / "releases" / kRelease / "release.yaml", std::string(kReleaseYaml) + kAdditive);
  ASSERT_NO_FATAL_FAILURE(Prepare(kSpoilBalances));
  old_->Start();
  Arrow("start");
  SWITCHBACK("checkpoint", kRelease);
  SWITCHBACK("run", kRelease);
  for (int i = 0; i < 2; ++i) {
    pg::Connection application = pg::Connection::Open({.conninfo = url_, .application_name = "bank"});
    application.Exec(std::string("SET search_path = public; ") + kOnSpoilt);
  }
  std::this_thread::sleep_for(std::chrono::seconds(std::stoi(Setting("SB_PGBENCH_SECONDS", "3"))));
  EXPECT_EQ(old_->Complaints(), "");
  old_->Finish();

  SWITCHBACK("restore", kRelease, "--salvage", "--directory", (ServerDirectory("restored") / "data").string());
  const base::Json groups = result_.at("salvage").at("groups");
  ASSERT_EQ(groups.size(), 1U) << groups.dump(1);
  EXPECT_EQ(groups[0].at("group"), "column:public.pgbench_accounts.abalance");
  const std::int64_t conflicts = groups[0].at("conflicts");
  EXPECT_GE(conflicts, 1);
  auto restored = pg::Connection::Open({.conninfo = result_.at("url").get<std::string>(), .application_name = "test"});
  const auto missing = [&] {
    return restored
        .Exec(
            "SELECT (SELECT sum(delta) FROM public.pgbench_history) - (SELECT sum(abalance) FROM "
            "public.pgbench_accounts)")
        .Int(0, 0);
  };
  EXPECT_NE(missing(), 0) << "what was added to corrupted balances waits for a decision";
  SWITCHBACK("restore", kRelease, "--decide", "column=delta");
  EXPECT_EQ(result_.at("applied"), conflicts) << result_.dump(1);
  EXPECT_EQ(result_.at("groups"), base::Json::array());
  ExpectEqualSums(restored);
}

}  // namespace
}  // namespace drill_test
