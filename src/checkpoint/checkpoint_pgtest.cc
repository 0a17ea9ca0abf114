#include <fmt/core.h>
#include <gmock/gmock.h>

#include <thread>

#include "archiving_server.h"
#include "base/file.h"
#include "base/long_work.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/content_hash.h"
#include "checkpoint/sql_text.h"
#include "checkpoint/take.h"
#include "needs_programs.h"

namespace checkpoint {
namespace {

[[maybe_unused]] const testing::Environment* const kNeedsBackups =
    testing::AddGlobalTestEnvironment(new test::NeedsBackups);

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Text(pg::Connection& connection, const std::string& sql) { return connection.Query(sql).Text(0, 0); }

// The same database, as another role.
std::string As(std::string url, const std::string& role) {
  const std::size_t begin = url.find("//") + 2;
  return url.replace(begin, url.find('@') - begin, role);
}

class CheckpointPgTest : public testing::Test {
 protected:
  // Each test says which wal_level it needs.
  void Start(const std::string& wal_level = "logical") {
    made_.emplace(wal_level);
    source_.emplace(made_->Connect(made_->server.Url()));
    source_->Exec(
        "CREATE TABLE public.keyed(id int PRIMARY KEY, name text); CREATE TABLE public.keyless(v int); "
        "CREATE SCHEMA \"Sales.x\"; CREATE TABLE \"Sales.x\".\"user\"(\"Id\" int PRIMARY KEY, at timestamptz, f "
        "float8, "
        "b bytea, j json); INSERT INTO public.keyed SELECT g, 'n' || g FROM generate_series(1, 100) g");
    plan_.release = "20261122-name";
    plan_.hex = "1a2b3c4d";
    plan_.digest = "sha256:of-the-plan";
    plan_.tables = {{"public", "keyed"}, {"Sales.x", "user"}, {"public", "not_yet"}};
    options_.conninfo = made_->server.Url();
    options_.environment = "test";
    options_.state = made_->workspace.path() / "state";
    options_.policy.lock_timeout = 200ms;
    options_.policy.lock_retries = 1;
    options_.policy.slot_max_bytes = 64 << 20;
    options_.slot_deadline = 1s;
  }

  Checkpoint TakeOne() {
    journal::Journal journal = journal::Journal::Open(options_.state);
    return Take(plan_, options_, made_->provider, journal);
  }

  base::Error Refusal() {
    try {
      TakeOne();
    } catch (const base::Error& error) {
      return error;
    }
    return base::Error(base::Code::kInternal, "nothing was refused");
  }

  std::string Slots() {
    return Text(*source_, "SELECT coalesce(string_agg(slot_name, ','), '') FROM pg_replication_slots");
  }

  std::optional<test::ArchivingServer> made_;
  std::optional<pg::Connection> source_;
  plan::Plan plan_;
  Options options_;
};

TEST_F(CheckpointPgTest, TakesProvesAndReplacesACheckpoint) {
  Start();
  options_.content_hash = true;
  options_.prove = true;
  const Checkpoint first = TakeOne();
  EXPECT_THAT(first.abilities_off, ElementsAre(HasSubstr("public.keyless"))) << "its updates cannot be decoded";
  EXPECT_TRUE(first.point.name.starts_with("sb_1a2b3c4d_2"));
  EXPECT_LE(first.point.name.size(), 63U);
  EXPECT_TRUE(fs::exists(made_->repository / "wal" / first.segment));
  EXPECT_THAT(first.publications, ElementsAre("switchback_1a2b3c4d_k", "switchback_1a2b3c4d_n"));
  EXPECT_EQ(Slots(), first.slot);
  EXPECT_EQ(Text(*source_, "SHOW max_slot_wal_keep_size"), "64MB");
  ASSERT_TRUE(first.content);
  EXPECT_EQ(first.content->size(), 2U);
  EXPECT_EQ(first.content->at({"public", "keyed"}).rows, 100);
  ASSERT_TRUE(first.proof);
  EXPECT_TRUE(first.proof->contents);
  EXPECT_EQ(ToJson(Load(options_.state)), ToJson(first));
  source_->Exec("UPDATE public.keyless SET v = 1; DELETE FROM public.keyless; INSERT INTO public.keyless VALUES (1)");

  source_->Exec("UPDATE public.keyed SET name = 'other' WHERE id = 1");
  options_.prove = false;
  const Checkpoint second = TakeOne();
  EXPECT_EQ(second.backup_id, first.backup_id) << "a young backup is used again";
  EXPECT_NE(second.point.name, first.point.name);
  EXPECT_EQ(Slots(), second.slot) << "the old slot is gone, the new one stands";
  EXPECT_NE(second.slot, first.slot);
  EXPECT_NE(second.content->at({"public", "keyed"}), first.content->at({"public", "keyed"}));
  EXPECT_EQ(second.content->at({"Sales.x", "user"}), first.content->at({"Sales.x", "user"}));

  const journal::Journal journal = journal::Journal::Open(options_.state);
  std::vector<std::string> kinds;
  for (const journal::Event& event : journal.events()) kinds.push_back(event.kind);
  EXPECT_THAT(kinds, ElementsAre("checkpoint", "proven", "checkpoint"));
  EXPECT_EQ(journal.Last("checkpoint")->body.at("digest"), DigestOf(second));

  // Neither an old backup nor one from behind a gap is relied on.
  fs::remove(made_->repository / "wal" / first.segment);
  const Checkpoint third = TakeOne();
  EXPECT_NE(third.backup_id, second.backup_id);
  options_.policy.backup_max_wal = 1 << 20;  // each checkpoint begins another segment
  const Checkpoint fourth = TakeOne();
  EXPECT_NE(fourth.backup_id, third.backup_id);
  options_.policy.backup_max_wal = 1L << 40;
  options_.policy.backup_max_age = 0ms;
  EXPECT_NE(TakeOne().backup_id, fourth.backup_id);
}

TEST_F(CheckpointPgTest, WhatTakesLongIsTold) {
  Start();
  options_.content_hash = true;
  options_.prove = true;
  base::LongWork::TellEvery(0ms);
  testing::internal::CaptureStderr();
  TakeOne();
  options_.prove = false;
  TakeOne();
  const std::string told = testing::internal::GetCapturedStderr();
  base::LongWork::TellEvery(10s);
  for (const char* what :
       {"taking a base backup: ", "hashing the rows of public.keyed: done after ", "verifying the backup "}) {
    EXPECT_THAT(told, HasSubstr(std::string("switchback: ") + what));
  }
}

TEST_F(CheckpointPgTest, CutsExactlyUnderWriters) {
  Start();
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    auto connection = made_->Connect(made_->server.Url());
    for (int i = 1000; !stop; ++i) connection.Query("INSERT INTO public.keyed VALUES ($1, 'w')", {std::to_string(i)});
  });
  options_.content_hash = true;
  options_.prove = true;
  const Checkpoint checkpoint = TakeOne();
  stop = true;
  writer.join();
  EXPECT_TRUE(checkpoint.proof && checkpoint.proof->contents);
  const std::int64_t now = source_->Query("SELECT count(*) FROM public.keyed").Int(0, 0);
  EXPECT_GT(now, checkpoint.content->at({"public", "keyed"}).rows) << "writers went on while the hashes were taken";
}

TEST_F(CheckpointPgTest, SaysWhatARestoreDoesNotBringBack) {
  Start();
  source_->Exec(
      "CREATE UNLOGGED TABLE public.cache (v int); CREATE FOREIGN DATA WRAPPER f; CREATE SERVER far FOREIGN DATA "
      "WRAPPER f; CREATE FOREIGN TABLE public.elsewhere (v int) SERVER far; SELECT lo_create(0)");
  const Checkpoint checkpoint = TakeOne();
  EXPECT_THAT(checkpoint.abilities_off,
              testing::IsSupersetOf({HasSubstr("public.cache is unlogged"),
                                     HasSubstr("public.elsewhere is a foreign table"), HasSubstr("large objects")}));
}

TEST_F(CheckpointPgTest, SaysWhoIsInTheWay) {
  Start();
  auto holder = made_->Connect(made_->server.Url());
  holder.Exec("BEGIN; UPDATE public.keyed SET name = 'held' WHERE id = 1");
  const base::Error slot = Refusal();
  EXPECT_EQ(slot.code(), base::Code::kSlotDeadline);
  EXPECT_THAT(slot.detail(), HasSubstr(std::to_string(holder.BackendPid())));
  EXPECT_EQ(Slots(), "");
  EXPECT_FALSE(fs::exists(FileOf(options_.state)));
  EXPECT_TRUE(journal::Journal::Open(options_.state).events().empty());
  holder.Exec("PREPARE TRANSACTION 'it''s held'");
  const base::Error prepared = Refusal();
  EXPECT_EQ(prepared.code(), base::Code::kSlotDeadline);
  EXPECT_THAT(prepared.detail(), HasSubstr("ROLLBACK PREPARED 'it''s held'"));
  holder.Exec("ROLLBACK PREPARED 'it''s held'");
  holder.Exec("BEGIN; LOCK TABLE public.keyed IN ROW EXCLUSIVE MODE");
  options_.content_hash = true;
  EXPECT_EQ(Refusal().code(), base::Code::kLockTimeout);
  EXPECT_EQ(Slots(), "") << "a failed attempt takes its slot with it";
  holder.Exec("ROLLBACK");
  EXPECT_NO_THROW(TakeOne());
}

TEST_F(CheckpointPgTest, WorksWithoutLogicalWal) {
  Start("replica");
  options_.prove = true;
  const Checkpoint checkpoint = TakeOne();
  EXPECT_THAT(checkpoint.abilities_off, Contains(HasSubstr("wal_level is replica")));
  EXPECT_EQ(checkpoint.slot, "");
  EXPECT_TRUE(checkpoint.proof);
  EXPECT_FALSE(checkpoint.proof->contents);
}

TEST_F(CheckpointPgTest, WorksForARoleWithFewRights) {
  Start();
  TakeOne();  // a base backup by someone with the right to take one
  source_->Exec(
      "CREATE ROLE migrator LOGIN; ALTER TABLE public.keyed OWNER TO migrator; ALTER TABLE \"Sales.x\".\"user\" OWNER "
      "TO "
      "migrator; GRANT CREATE ON SCHEMA public TO migrator; GRANT USAGE ON SCHEMA \"Sales.x\" TO migrator");
  options_.conninfo = As(made_->server.Url(), "migrator");
  options_.content_hash = true;
  options_.prove = true;
  const Checkpoint checkpoint = TakeOne();
  EXPECT_EQ(checkpoint.point.name, "");
  EXPECT_EQ(checkpoint.slot, "");
  EXPECT_THAT(checkpoint.abilities_off, ElementsAre(HasSubstr("pg_create_restore_point"), HasSubstr("REPLICATION")));
  EXPECT_TRUE(checkpoint.proof && checkpoint.proof->contents) << "the point is exact without a name, too";

  source_->Exec(
      "ALTER ROLE migrator REPLICATION; GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO "
      "migrator; DROP PUBLICATION switchback_1a2b3c4d_k, switchback_1a2b3c4d_n");
  source_->Exec("ALTER SYSTEM SET max_slot_wal_keep_size = -1");
  source_->Exec("SELECT pg_reload_conf()");
  source_->Exec(fmt::format("GRANT CREATE ON DATABASE {} TO migrator", Text(*source_, "SELECT current_database()")));
  options_.policy.backup_max_age = 0ms;
  const Checkpoint more = TakeOne();
  EXPECT_NE(more.point.name, "");
  EXPECT_THAT(more.abilities_off, Contains(HasSubstr("max_slot_wal_keep_size is unlimited")));
  EXPECT_EQ(more.slot, "") << "no slot without a limit";

  source_->Exec("ALTER SYSTEM SET max_slot_wal_keep_size = '128MB'");
  source_->Exec("SELECT pg_reload_conf()");
  options_.prove = false;
  const Checkpoint full = TakeOne();
  EXPECT_NE(full.slot, "");
  EXPECT_THAT(full.abilities_off, ElementsAre(HasSubstr("public.keyless"))) << "which the role does not own";
}

TEST_F(CheckpointPgTest, HashesContentNotItsOrderOrPlace) {
  Start();
  source_->Exec(
      "CREATE TABLE public.a(x text, y text); INSERT INTO public.a VALUES ('1', NULL), ('1', ''), ('a,b', '\"'), ('ü', "
      "'x'); CREATE TABLE public.b(y text, gone int, x text); ALTER TABLE public.b DROP COLUMN gone; INSERT INTO "
      "public.b(x, y) SELECT x, y FROM public.a ORDER BY y DESC");
  const ContentHash a = HashTable(*source_, {"public", "a"});
  EXPECT_EQ(a.rows, 4);
  EXPECT_EQ(a.sha256.size(), 64U);
  EXPECT_EQ(HashTable(*source_, {"public", "b"}), a) << "neither order of rows nor of columns matters";
  auto other = made_->Connect(made_->server.Url());
  other.Exec("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET bytea_output = 'escape'");
  source_->Exec("INSERT INTO \"Sales.x\".\"user\" VALUES (1, now(), 0.1, '\\x00ff', '{\"a\": 1}')");
  EXPECT_EQ(HashTable(*source_, {"Sales.x", "user"}).rows, 1);

  const auto changed = [&](const std::string& sql) {
    source_->Exec("BEGIN; " + sql);
    const ContentHash now = HashTable(*source_, {"public", "a"});
    source_->Exec("ROLLBACK");
    return now != a;
  };
  EXPECT_TRUE(changed("UPDATE public.a SET y = '' WHERE y IS NULL"));
  EXPECT_TRUE(changed("UPDATE public.a SET x = y, y = x WHERE x = 'ü'"));
  EXPECT_TRUE(changed("DELETE FROM public.a WHERE x = 'a,b'"));
  EXPECT_TRUE(changed("INSERT INTO public.a VALUES ('1', NULL)")) << "the same row twice is another content";
  EXPECT_FALSE(changed("UPDATE public.a SET x = x"));

  source_->Exec(
      "CREATE ROLE reader LOGIN; GRANT SELECT ON public.a TO reader; ALTER TABLE public.a ENABLE ROW LEVEL SECURITY");
  auto reader = made_->Connect(As(made_->server.Url(), "reader"));
  EXPECT_THROW(HashTable(reader, {"public", "a"}), base::Error) << "a part of the rows is not the content";
}

TEST_F(CheckpointPgTest, PublishesOnlyWhatDoesNotDisturb) {
  Start();
  source_->Exec(
      "CREATE TABLE public.p(id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE public.p1 PARTITION OF public.p "
      "FOR "
      "VALUES FROM (0) TO (10); CREATE TABLE public.q(id int) PARTITION BY RANGE (id); CREATE TABLE public.q1 "
      "PARTITION OF "
      "public.q(id PRIMARY KEY) FOR VALUES FROM (0) TO (10); CREATE TABLE public.late(id int PRIMARY KEY DEFERRABLE); "
      "CREATE UNLOGGED TABLE public.u(id int PRIMARY KEY); CREATE TABLE public.full_row(v int); ALTER TABLE "
      "public.full_row REPLICA IDENTITY FULL");
  TakeOne();
  const auto published = [&](const std::string& which) {
    return Text(*source_,
                "SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = "
                "'switchback_1a2b3c4d_" +
                    which + "'");
  };
  EXPECT_EQ(published("k"), "full_row,keyed,p1,user");
  EXPECT_EQ(published("n"), "keyless,late,q1");
  source_->Exec(
      "INSERT INTO public.q VALUES (1); UPDATE public.q SET id = 2; DELETE FROM public.q; INSERT INTO public.late "
      "VALUES "
      "(1); UPDATE public.late SET id = 2; UPDATE public.p SET id = 3; UPDATE public.full_row SET v = 1");
}

TEST_F(CheckpointPgTest, EmbeddedStatementsPrepare) {
  Start();
  for (const std::string_view sql :
       {sql_text::kReadBackupProgress, sql_text::kReadColumns, sql_text::kReadPublishable, sql_text::kReadServer,
        sql_text::kReadTimeline, sql_text::kReadUnheld, sql_text::kReadWriters}) {
    EXPECT_NO_THROW(source_->CheckPrepares(std::string(sql)));
  }
}

}  // namespace
}  // namespace checkpoint
