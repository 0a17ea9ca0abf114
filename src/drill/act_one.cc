#include <fmt/core.h>

#include <chrono>

#include "base/error.h"
#include "drill/acts.h"
#include "drill/deployment.h"
#include "drill/repository.h"
#include "drill/sql_text.h"

namespace drill {
namespace {

using std::chrono::milliseconds;

// What a deploy script does: one statement after the other, until one fails.
struct Failure {
  std::size_t statement = 0;  // from 1
  std::string sqlstate;
  std::string message;
};
Failure RunByHand(const std::string& url) {
  pg::Connection connection = Inspect(url);
  for (std::size_t i = 0; i < kChange.size(); ++i) {
    try {
      connection.Exec(std::string(kChange[i]));
    } catch (const base::Error& error) {
      return {i + 1, error.sqlstate(), error.detail()};
    }
  }
  return {};
}

void TakeNightlyBackup(const Stage& stage, const sandbox::Server& server, const std::filesystem::path& directory) {
  base::RunOrThrow({.argv = {stage.binaries().Program("pg_basebackup"), "--dbname=" + server.Url(),
                             "--pgdata=" + directory.string(), "--checkpoint=fast", "--wal-method=stream", "--no-sync"},
                    .cwd = "/",
                    .account = stage.account()});
}

bool HasColumn(const std::string& url, const std::string& column) {
  return Inspect(url)
      .Query(
          "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.customers'::regclass AND attname = $1 "
          "AND NOT attisdropped)",
          {column})
      .Bool(0, 0);
}

class ActOne {
 public:
  ActOne(Stage& stage, Claims& claims)
      : stage_(stage),
        claims_(claims),
        repository_(Repository::Create(stage.Directory("act1/repo"))),
        server_(stage.NewServer("act1", {})),
        nightly_(stage.ServerDirectory("backups") / "nightly"),
        shops_(stage.Directory("act1/shops"), repository_.directory()) {}

  base::Json Play() {
    repository_.Commit({{"queries.sql", std::string(sql_text::kQueries18)}}, "Shop 1.8");
    shops_.PointTo(ShopAddressOf(server_.Url()));
    TakeNightlyBackup(stage_, server_, nightly_);
    for (int i = 0; i < kInstances; ++i) shops_.Start("1.8");
    stage_.Say("act 1: shop 1.8 works; last night's base backup is all there is");
    Stage::Dwell(milliseconds(4000));
    Deploy();
    RevertCode();
    RestoreNightly();
    Stage::Dwell(milliseconds(2000));
    return Count();
  }

 private:
  void Deploy() {
    commit_ = repository_.Commit({{"queries.sql", std::string(sql_text::kQueries19)}, {"migration.sql", ChangeText()}},
                                 "Shop 1.9");
    const Failure failure = RunByHand(server_.Url(kShopDatabase));
    stage_.Say("act 1: statement {} of the migration fails ({}), those before it stay", failure.statement,
               failure.sqlstate);
    claims_.Check("act1.migration_stops_halfway",
                  failure.statement == kChange.size() && failure.sqlstate == "23502" &&
                      HasColumn(server_.Url(kShopDatabase), "display_name") &&
                      !HasColumn(server_.Url(kShopDatabase), "phone"),
                  "the migration fails at its last statement, with the ones before it committed",
                  fmt::format("statement {} of {}, {}", failure.statement, kChange.size(), failure.sqlstate));
    Stage::Dwell(milliseconds(1000));
  }

  void RevertCode() {
    repository_.Revert(commit_);
    shops_.Roll("1.8");
    stage_.Say("act 1: git revert, shop 1.8 again; it cannot read the schema");
    const std::int64_t from = NowUs();
    Stage::Dwell(milliseconds(1500));
    const auto lines = shops_.Lines();
    const Traffic after = Summarize(Between(lines, from, NowUs()));
    const auto refused = after.failures.find("42703");
    claims_.Check("act1.revert_does_not_help", refused != after.failures.end(),
                  "after git revert the old version is refused by the changed schema",
                  fmt::format("{} of {} requests fail", after.failed, after.requests));
  }

  void RestoreNightly() {
    const auto begin = stage_.Elapsed();
    server_.Stop();
    server_ = sandbox::Server::Adopt(stage_.OptionsFor(nightly_, {}));
    server_.Start();
    shops_.PointTo(ShopAddressOf(server_.Url()));
    shops_.Roll("1.8");
    stage_.Say("act 1: last night's backup is back after {} ms; nobody had to think",
               (stage_.Elapsed() - begin).count());
  }

  base::Json Count() {
    shops_.StopAll();
    const auto lines = shops_.Lines();
    const Traffic traffic = Summarize(lines);
    pg::Connection connection = Inspect(server_.Url(kShopDatabase));
    const Account account = Compare(lines, connection);
    claims_.Check("act1.writes_lost", !account.lost.empty() && account.altered.empty() && account.unledgered == 0,
                  "what was acknowledged since the backup is gone",
                  fmt::format("{} of {} acknowledged writes", account.lost.size(), account.acknowledged));
    claims_.Check("act1.down", traffic.down_us > 0 && lines.back().outcome == Outcome::kOk,
                  "the shop was down until the backup was restored", fmt::format("{} ms", traffic.down_us / 1000));
    server_.Stop();
    return {{"act", 1},
            {"title", "without switchback"},
            {"way_back", "nightly backup"},
            {"traffic", ToJson(traffic)},
            {"ledger", account.ToJson()},
            {"notes",
             {"No WAL was archived. With an archive the restore could have stopped just before the migration: what was "
              "written "
              "before it would have been kept, what was written after it still lost, and the time down is the same.",
              "The time down counts no human: the decision, the search for the backup and the restore take no time "
              "here."}}};
  }

  Stage& stage_;
  Claims& claims_;
  Repository repository_;
  sandbox::Server server_;
  std::filesystem::path nightly_;
  Deployment shops_;
  std::string commit_;
};

}  // namespace

base::Json PlayWithoutSwitchback(Stage& stage, Claims& claims) { return ActOne(stage, claims).Play(); }

}  // namespace drill
