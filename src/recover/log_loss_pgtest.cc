#include <fmt/core.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/file.h"
#include "recover/checkpointed.h"
#include "recover/log_loss.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const pg::QualifiedName kOrders{"public", "orders"};
const pg::QualifiedName kGone{"public", "gone"};

class LogLossTest : public Checkpointed {
 protected:
  void SetUp() override {
    Checkpointed::SetUp();
    if (IsSkipped()) return;
    Start(
        "CREATE TABLE public.orders(id int PRIMARY KEY, note text); CREATE TABLE public.gone(id int);"
        "CREATE UNLOGGED TABLE public.cache(id int); CREATE TABLE public.files(id int, body text);"
        "ALTER TABLE public.files ALTER body SET STORAGE EXTERNAL");
  }

  // Four transactions of applications and one of the release, which drops a table that was written before.
  void Write() {
    source_->Exec("INSERT INTO public.orders VALUES (1, 'a'), (2, 'b')");
    source_->Exec("BEGIN; UPDATE public.orders SET note = 'c'; DELETE FROM public.orders WHERE id = 2; COMMIT");
    source_->Exec("INSERT INTO public.gone VALUES (1)");
    source_->Exec("INSERT INTO public.files VALUES (1, repeat('x', 20000))");
    source_->Exec("INSERT INTO public.cache VALUES (1)");
    Migration("INSERT INTO public.orders SELECT g, '' FROM generate_series(10, 20) AS g; DROP TABLE public.gone");
  }

  LogCount Count(pg::Connection* server, const std::string& silent = "") {
    return CountInLog(
        {.checkpoint = checkpoint_, .state = state_, .provider = made_->provider, .server = server, .silent = silent});
  }
};

TEST_F(LogLossTest, TellsTheLossWhereTheStreamIsLost) {
  Write();
  EXPECT_EQ(CountLossAnyhow(Options()).evidence, Evidence::kSlot) << "the better one first";
  source_->Query("SELECT pg_drop_replication_slot($1)", {checkpoint_.slot});
  checkpoint_.parking.reset();
  checkpoint::Write(state_, checkpoint_);

  const Loss loss = CountLossAnyhow(Options());
  EXPECT_EQ(loss.evidence, Evidence::kLog);
  EXPECT_THAT(loss.note, HasSubstr("end of the old server's log"));
  EXPECT_THAT(loss.note, HasSubstr(checkpoint_.slot)) << "why it is not the stream's";
  EXPECT_EQ(loss.account.applications, 4);
  EXPECT_EQ(loss.account.migrations, 1);
  const salvage::TableAccount& orders = loss.account.tables.at(kOrders);
  EXPECT_EQ(fmt::format("{} {} {}", orders.inserted, orders.updated, orders.deleted), "2 2 1");
  EXPECT_EQ(loss.account.tables.at(kGone).inserted, 1) << "named by the checkpoint: the server has it no more";
  EXPECT_EQ(loss.account.tables.at({"public", "files"}).inserted, 1) << "chunks of TOAST are no rows";
  EXPECT_EQ(loss.account.tables.size(), 3U);
  EXPECT_EQ(loss.unnamed, 0);
  EXPECT_THAT(loss.uncovered, testing::ElementsAre(HasSubstr("public.cache")));
  EXPECT_EQ(ToJson(loss).at("evidenced_by"), "pg_waldump");

  source_->Exec("TRUNCATE public.orders; INSERT INTO public.orders VALUES (1, 'd')");
  source_->Exec("VACUUM FULL public.orders");
  EXPECT_EQ(CountLossAnyhow(Options()).unnamed, 1) << "a file between the point's and today's has no name";
}

TEST_F(LogLossTest, SaysHowFarItCounted) {
  source_->Exec("SELECT pg_switch_wal()");
  Write();
  LogCount count = Count(&*source_);
  EXPECT_TRUE(count.to_the_end);
  EXPECT_EQ(count.account->applications, 4);

  LogRequest bounded{.checkpoint = checkpoint_, .state = state_, .provider = made_->provider, .server = &*source_};
  bounded.segments_most = 1;
  count = CountInLog(bounded);
  ASSERT_TRUE(count.account);
  EXPECT_EQ(count.account->applications, 0);
  EXPECT_FALSE(count.to_the_end);
  EXPECT_THAT(count.note, HasSubstr("the first 1 segments"));

  made_->provider.AwaitArchived(*source_, source_->Query("SELECT pg_walfile_name(pg_switch_wal())").Text(0, 0),
                                std::chrono::seconds(30));
  source_->Exec("INSERT INTO public.orders VALUES (3, 'not archived')");
  made_->server.Stop(sandbox::Server::StopMode::kImmediate);
  count = Count(nullptr, "the server does not answer");
  EXPECT_EQ(count.account->applications, 4);
  EXPECT_FALSE(count.to_the_end);
  EXPECT_THAT(count.note, HasSubstr("as far as the archive goes"));
  EXPECT_THAT(count.note, HasSubstr("the server does not answer"));

  fs::rename(made_->repository / "wal", made_->repository / "elsewhere");
  count = Count(nullptr, "the server does not answer");
  EXPECT_FALSE(count.account);
  EXPECT_THAT(count.note, HasSubstr("not counted"));
}

// Any role that reads the log can emit a tag again.
TEST_F(LogLossTest, ATagThatWasUsedAgainIsAnApplications) {
  const std::string tag = journal::MakeTag(journal::RunSecret(state_), {.release = checkpoint_.release});
  for (int id = 101; id <= 103; ++id) {
    source_->Exec(
        fmt::format("BEGIN; SELECT pg_logical_emit_message(true, 'switchback', {}); INSERT INTO public.orders "
                    "VALUES ({}, 'x'); COMMIT",
                    pg::Literal(tag), id));
  }
  const LogCount count = Count(&*source_);
  ASSERT_TRUE(count.account);
  EXPECT_EQ(count.account->applications, 2);
}

// The log goes on in another timeline, in the middle of a segment.
TEST_F(LogLossTest, GoesOnBehindAFailover) {
  Write();
  made_->server.Stop(sandbox::Server::StopMode::kFast);
  base::WriteFile(made_->server.data() / "standby.signal", "");
  made_->server.Start();
  source_.emplace(made_->Connect(made_->server.Url()));
  source_->Query("SELECT pg_promote()");
  source_->Exec("INSERT INTO public.orders VALUES (4, 'behind it')");
  source_->Exec("SELECT pg_switch_wal()");
  source_->Exec("INSERT INTO public.orders VALUES (5, 'behind it')");
  ASSERT_EQ(source_->Query("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)").Text(0, 0), "00000002");
  const LogCount count = Count(&*source_);
  EXPECT_TRUE(count.to_the_end) << count.note;
  ASSERT_TRUE(count.account);
  EXPECT_EQ(count.account->applications, 6);
}

}  // namespace
}  // namespace recover
