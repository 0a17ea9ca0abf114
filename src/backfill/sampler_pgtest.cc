// What a backfill looks at, on a primary with a replica, an archive that fails, and pg_stat_statements.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "backfill/sampler.h"
#include "base/process.h"
#include "journal/mirror.h"
#include "needs_programs.h"
#include "sandbox/server.h"
#include "sandbox/workspace.h"

namespace backfill {
namespace {

using std::chrono::milliseconds;
using testing::Ge;
using testing::Gt;
using testing::Optional;

class SamplerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = test::MissingPrograms({"pg_basebackup"})) GTEST_SKIP() << *missing;
    primary_.emplace(sandbox::Server::Initialize(Options("primary")));
    primary_->Start();
    if (Primary().Exec("SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'").rows() == 1) {
      statements_ = "pg_stat_statements";
      primary_->Stop();
      primary_.emplace(sandbox::Server::Adopt(Options("primary")));
      primary_->Start();
      Primary().Exec("CREATE EXTENSION pg_stat_statements SCHEMA public");
    }
    auto connection = Primary();
    journal::InstallSchema(connection);
    connection.Exec("CREATE TABLE public.t (id int, filler text)");
  }

  [[nodiscard]] sandbox::ServerOptions Options(const std::string& name) const {
    sandbox::ServerOptions options;
    options.binaries = sandbox::FindBinaries();
    options.account = sandbox::ServerAccount();
    options.data = workspace_.path() / name;
    options.settings = {{"wal_level", "logical"},          {"archive_mode", "on"},
                        {"archive_command", "false"},      {"shared_preload_libraries", statements_},
                        {"max_slot_wal_keep_size", "1GB"}, {"fsync", "off"}};
    return options;
  }
  void StartReplica() {
    const auto options = Options("replica");
    base::RunOrThrow({.argv = {options.binaries.Program("pg_basebackup"), "--dbname", primary_->Url(), "--pgdata",
                               options.data.string(), "--write-recovery-conf", "--checkpoint=fast"},
                      .account = options.account});
    replica_.emplace(sandbox::Server::Adopt(options));
    replica_->Start();
  }
  [[nodiscard]] pg::Connection Primary() const { return pg::Connection::Open({.conninfo = primary_->Url()}); }
  [[nodiscard]] Job MakeJob(const release::Throttle& throttle) const {
    return {.connect = {.conninfo = primary_->Url()},
            .release = "r",
            .step = "migrate.1",
            .backfill = backfill_,
            .search_path = "",
            .throttle = throttle,
            .slot = "the_slot",
            .begin = {}};
  }

  sandbox::Workspace workspace_{"test"};
  std::string statements_;  // what has to be preloaded; empty: this PostgreSQL comes without
  std::optional<sandbox::Server> primary_;
  std::optional<sandbox::Server> replica_;
  plan::Backfill backfill_{.table = {"public", "t"},
                           .column = "filler",
                           .pending = "t.filler IS NULL",
                           .value = "'x'",
                           .unconverted = {},
                           .unconverted_reason = {},
                           .key = {"id"}};
};

TEST_F(SamplerTest, MeasuresReplicaArchiveSlotAndStatements) {
  StartReplica();
  auto connection = Primary();
  connection.Exec("SELECT pg_create_logical_replication_slot('the_slot', 'pgoutput')");
  const release::Throttle limits{.slot_retained = 1L << 40, .latency = milliseconds(1000)};
  const Job job = MakeJob(limits);
  Sampler sampler(job);
  sampler.Sample({});

  auto replica = pg::Connection::Open({.conninfo = replica_->Url()});
  replica.Exec("SELECT pg_wal_replay_pause()");
  connection.Exec("INSERT INTO public.t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) AS i");
  connection.Exec("SELECT pg_switch_wal()");
  connection.Exec("SELECT pg_sleep(0.05)");
  Facts facts;
  for (int i = 0; i < 200 && facts.replica_lag_bytes.value_or(0) < (10 << 20); ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    facts = sampler.Sample({});
  }
  EXPECT_THAT(facts.replica_lag_bytes, Optional(Gt(10 << 20)));
  EXPECT_THAT(facts.archive_backlog, Optional(Ge(1)));
  EXPECT_THAT(facts.slot_retained, Optional(Gt(10 << 20)));
  EXPECT_THAT(facts.slot_room, Optional(Gt(0)));
  const auto reason = Throttled({.replica_lag_bytes = 1 << 20}, facts);
  ASSERT_TRUE(reason);
  EXPECT_EQ(reason->fact, "replica_lag_bytes");

  replica.Exec("SELECT pg_wal_replay_resume()");
  for (int i = 0; i < 200 && facts.replica_lag_bytes.value_or(1) > 1024; ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    facts = sampler.Sample({});
  }
  EXPECT_THAT(facts.replica_lag_bytes, Optional(testing::Le(1024)));

  if (statements_.empty()) GTEST_SKIP() << "this PostgreSQL comes without pg_stat_statements";
  connection.Exec("SELECT pg_sleep(0.3)");
  EXPECT_THAT(sampler.Sample({}).latency, Optional(Gt(milliseconds(0))));
}

}  // namespace
}  // namespace backfill
