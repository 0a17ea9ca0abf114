#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "archiving_server.h"
#include "checkpoint/take.h"
#include "needs_programs.h"
#include "recover/as_migration.h"
#include "recover/salvage.h"
#include "sandbox/workspace.h"

namespace recover {

// A server with a checkpoint of a release that changes public.orders.
class Checkpointed : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = test::MissingPrograms(test::kBackupPrograms)) GTEST_SKIP() << *missing;
  }

  void Start(const std::string& schema) {
    made_.emplace();
    Take(made_->server.Url(), made_->provider, schema);
  }

  void Take(const std::string& url, backup::BackupProvider& provider, const std::string& schema) {
    source_.emplace(pg::Connection::Open({.conninfo = url}));
    source_->Exec(schema);
    plan_.release = "20261122-name";
    plan_.hex = "1a2b3c4d";
    plan_.digest = "sha256:of-the-plan";
    plan_.tables = {{"public", "orders"}};
    journal::Journal journal = journal::Journal::Open(state_);
    checkpoint::Options options;
    options.conninfo = url;
    options.state = state_;
    checkpoint_ = checkpoint::Take(plan_, options, provider, journal);
  }

  void Migration(const std::string& sql) { AsMigration(*source_, state_, plan_, sql); }

  SalvageOptions Options() {
    return {.conninfo = made_->server.Url(), .state = state_, .plan = plan_, .provider = &made_->provider};
  }

  std::optional<test::ArchivingServer> made_;
  std::optional<pg::Connection> source_;
  plan::Plan plan_;
  checkpoint::Checkpoint checkpoint_;
  const sandbox::Workspace states_{"test"};
  std::filesystem::path state_ = states_.path() / "state";
};

}  // namespace recover
