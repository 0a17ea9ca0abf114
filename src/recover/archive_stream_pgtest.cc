#include <fmt/core.h>
#include <gmock/gmock.h>

#include "backup_tools.h"
#include "base/digest.h"
#include "base/error.h"
#include "journal/tag.h"
#include "recover/archive_stream.h"
#include "recover/checkpointed.h"
#include "recover/restore.h"
#include "recover/salvage.h"
#include "source_server.h"
#include "stream/reader.h"

namespace recover {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;

constexpr int kOnStandbysSince = 16;

// A transaction in a line: where and whose it is, and a digest of all that it did.
std::string Line(stream::Reader& reader, const stream::Transaction& transaction) {
  std::string done;
  stream::Changes changes = reader.ChangesOf(transaction);
  while (const stream::Change* change = changes.Next()) {
    done += fmt::format("; {} {}:", static_cast<int>(change->kind), change->relation->name.Text());
    for (const stream::Value& value : change->row) done += fmt::format(" {}", value.text);
  }
  return fmt::format("{} {} {} {} {}", transaction.commit.Text(), transaction.xid,
                     transaction.whose == stream::Whose::kMigration ? "migration" : "application", transaction.changes,
                     base::Sha256Hex(done).substr(0, 8));
}

constexpr const char* kSchema =
    "CREATE TABLE public.orders(id int PRIMARY KEY, total int NOT NULL, note text);"
    "CREATE TABLE public.log(line text);"
    "INSERT INTO public.orders SELECT g, g, repeat('x', 100) FROM generate_series(1, 1000) AS g";

class ArchiveStreamTest : public Checkpointed {
 protected:
  static bool Decodable() { return sandbox::FindBinaries().major >= kOnStandbysSince; }

  void NextSegment() {
    // As a server in use does every 15 seconds.
    if (Decodable()) source_->Exec("SELECT pg_log_standby_snapshot()");
    source_->Exec("SELECT pg_switch_wal()");
  }

  // What happens after the checkpoint, over several segments: applications write seven transactions with rows.
  void Write(backup::BackupProvider& provider) {
    source_->Exec(
        "BEGIN; INSERT INTO public.orders VALUES (2001, 1, 'one'); INSERT INTO public.log VALUES ('a'); COMMIT");
    Migration("ALTER TABLE public.orders ADD COLUMN rest int; UPDATE public.orders SET rest = 1 WHERE id <= 3");
    source_->Exec("UPDATE public.orders SET total = 7, rest = 8 WHERE id = 2001");
    NextSegment();
    source_->Exec("ALTER TABLE public.log ADD COLUMN at int; INSERT INTO public.log VALUES ('b', 1)");
    source_->Exec(
        "BEGIN; DELETE FROM public.orders WHERE id = 5; SAVEPOINT s; DELETE FROM public.orders; ROLLBACK TO s; COMMIT");
    source_->Exec(
        "INSERT INTO public.orders SELECT g, 0, repeat(md5(g::text), 40) FROM generate_series(3000, 20000) AS g");
    NextSegment();
    for (const char* table : {"pg_catalog.pg_attribute", "pg_catalog.pg_class", "FULL public.log"}) {
      source_->Exec(fmt::format("VACUUM {}", table));
    }
    source_->Exec("BEGIN; INSERT INTO public.log VALUES ('gone', 1); ROLLBACK");
    source_->Exec("UPDATE public.orders SET total = 9 WHERE id = 6");
    provider.AwaitArchived(*source_, source_->Query("SELECT pg_walfile_name(pg_switch_wal())").Text(0, 0),
                           std::chrono::seconds(30));
    source_->Exec("INSERT INTO public.log VALUES ('the last segment', 1)");
  }

  // A state of its own, in which nothing was read yet.
  fs::path Copy(const std::string& name) {
    const fs::path copy = states_.path() / name / "state";
    fs::create_directories(copy.parent_path());
    fs::copy(state_, copy, fs::copy_options::recursive);
    return copy;
  }

  std::vector<std::string> Read(const fs::path& state) {
    stream::Reader reader(state, SpoolOf(checkpoint_), {checkpoint_.release, journal::KeysOf(state)});
    std::vector<std::string> lines;
    while (const auto transaction = reader.Next()) lines.push_back(Line(reader, *transaction));
    return lines;
  }

  std::vector<std::string> BySlot() {
    const fs::path state = Copy("slot");
    EXPECT_EQ(stream::Drain({.connect = source_->options(),
                             .slot = checkpoint_.slot,
                             .publications = checkpoint_.publications,
                             .from = checkpoint_.point.lsn,
                             .state = state})
                  .not_evidenced,
              "");
    return Read(state);
  }

  void ExpectNotEvidenced(const testing::Matcher<const std::string&>& why) {
    try {
      CountLoss(Options());
      ADD_FAILURE() << "it passes for evidence";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::Code::kSalvageNotEvidenced);
      EXPECT_THAT(error.detail(), why);
    }
  }
};

TEST_F(ArchiveStreamTest, TellsWhatTheSlotWouldWhenTheServerIsGone) {
  if (!Decodable()) GTEST_SKIP() << "a standby decodes from PostgreSQL " << kOnStandbysSince << " on";
  Start(kSchema);
  ASSERT_TRUE(checkpoint_.parking);
  Write(made_->provider);
  std::vector<std::string> all = BySlot();
  ASSERT_EQ(all.size(), 8U);
  made_->server.Stop(sandbox::Server::StopMode::kImmediate);

  const fs::path by_archive = Copy("archive");
  ArchiveRequest request{.checkpoint = checkpoint_, .state = by_archive, .provider = made_->provider};
  EXPECT_EQ(DrainArchive(request).not_evidenced, "");
  const std::string last = all.back();
  all.pop_back();
  EXPECT_EQ(Read(by_archive), all) << "the last segment was never archived";
  all.push_back(last);
  request.source_wal = made_->server.data() / "pg_wal";
  EXPECT_EQ(DrainArchive(request).transactions, 1) << "it goes on behind what is there";
  EXPECT_EQ(Read(by_archive), all);

  journal::Journal journal = journal::Journal::Open(state_);
  RestoreOptions restore;
  restore.state = state_;
  restore.directory = made_->workspace.path() / "restored";
  const std::string url = Restore(restore, made_->provider, journal).restored.url;
  SalvageOptions options = Options();
  options.source_wal = request.source_wal;
  const SalvageReport salvaged = Salvage(options, url, journal);
  EXPECT_EQ(salvaged.report.account.applications, 7);
  EXPECT_THAT(salvaged.note, HasSubstr("where the archive ends"));
  auto restored = made_->Connect(url);
  EXPECT_EQ(restored.Query("SELECT sum(total) FROM public.orders WHERE id IN (6, 2001)").Text(0, 0), "16");
  EXPECT_EQ(restored.Query("SELECT string_agg(line, ' ' ORDER BY line) FROM public.log").Text(0, 0),
            "a b the last segment");
}

TEST_F(ArchiveStreamTest, TellsTheSameFromBarmansArchive) {
  if (!Decodable()) GTEST_SKIP() << "a standby decodes from PostgreSQL " << kOnStandbysSince << " on";
  const sandbox::Workspace workspace("test");
  test::BarmanRig rig(workspace.path());
  const int major = sandbox::FindBinaries().major;
  if (major > rig.NewestServer()) GTEST_SKIP() << "PostgreSQL " << major << " is newer than Barman";
  sandbox::Server server = test::StartSource(workspace, {{"archive_command", rig.ArchiveCommand()}});
  rig.SetUp(server);
  const std::unique_ptr<backup::BackupProvider> barman = rig.Of("shop");
  Take(server.Url(), *barman, kSchema);
  Write(*barman);
  std::vector<std::string> all = BySlot();
  ASSERT_EQ(all.size(), 8U);
  all.pop_back();  // the last segment was never archived
  server.Stop(sandbox::Server::StopMode::kImmediate);
  EXPECT_EQ(DrainArchive({.checkpoint = checkpoint_, .state = state_, .provider = *barman}).not_evidenced, "");
  EXPECT_EQ(Read(state_), all);
}

// A slot that is gone keeps no old rows of the catalog either: what the standby replays and reads in step, it reads.
TEST_F(ArchiveStreamTest, ServesWhereTheSlotIsLost) {
  Start(kSchema);
  EXPECT_EQ(checkpoint_.parking.has_value(), Decodable());
  source_->Query("SELECT pg_drop_replication_slot($1)", {checkpoint_.slot});
  Write(made_->provider);
  if (!Decodable()) return ExpectNotEvidenced(HasSubstr("PostgreSQL 16"));
  const Loss loss = CountLoss(Options());
  EXPECT_EQ(loss.account.applications, 7);
  EXPECT_THAT(loss.note, HasSubstr("from the archive"));

  // Within one segment, there is no step between a change of the catalog and its cleaning.
  source_->Exec("ALTER TABLE public.log ADD COLUMN more int");
  source_->Exec("VACUUM pg_catalog.pg_class");
  source_->Exec("INSERT INTO public.log VALUES ('unread', 1)");
  ExpectNotEvidenced(AnyOf(HasSubstr("must be invalidated"), HasSubstr("gave up the slot")));
}

// More than a socket takes, and rows removed behind that in the same segment: the replay waits for the session that
// sends it, which waits for its reader.
TEST_F(ArchiveStreamTest, ReadsOnWhileTheReplayWaitsForIt) {
  if (!Decodable()) GTEST_SKIP() << "a standby decodes from PostgreSQL " << kOnStandbysSince << " on";
  Start(kSchema);
  source_->Query("SELECT pg_drop_replication_slot($1)", {checkpoint_.slot});
  source_->Exec(
      "INSERT INTO public.orders SELECT g, 0, repeat(md5(g::text), 40) FROM generate_series(3000, 6000) AS g");
  source_->Exec("DELETE FROM public.orders WHERE id < 100");
  source_->Exec("VACUUM public.orders");
  EXPECT_EQ(CountLoss(Options()).account.applications, 2);

  source_->Exec("UPDATE public.orders SET total = 1 WHERE id > 3000");
  source_->Exec("BEGIN; INSERT INTO public.log SELECT g FROM generate_series(1, 60000) AS g; ROLLBACK");
  source_->Exec("ALTER TABLE public.log ADD COLUMN at int");
  source_->Exec("VACUUM pg_catalog.pg_class");
  ExpectNotEvidenced(
      AnyOf(HasSubstr("must be invalidated"), HasSubstr("gave up the slot"), HasSubstr("removed rows of its catalog")));
}

}  // namespace
}  // namespace recover
