#include "checkpoint/take.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/long_work.h"
#include "catalog/catalog.h"
#include "catalog/read.h"
#include "checkpoint/cut.h"
#include "checkpoint/sql_text.h"
#include "checkpoint/stream.h"
#include "checkpoint/unfinished.h"
#include "checkpoint/verify.h"
#include "pg/transaction.h"
#include "sandbox/workspace.h"

namespace checkpoint {
namespace {

using std::chrono::milliseconds;

// Digits of the time to the microsecond: names made from it are unique.
std::string Stamp(base::Time time) {
  std::string text = base::FormatTime(time);
  std::erase_if(text, [](char c) { return c < '0' || c > '9'; });
  return text;
}

constexpr const char* kNoStream =
    "after a restore, the applications' writes cannot be brought back, nor listed row by row: ";
constexpr const char* kOnlyTheArchive =
    "what the release writes is not audited, and after a restore the applications' writes are read from the archive "
    "alone, which is not tried before: ";

void Alone(const Options& options, const std::function<void()>& record) {
  if (!options.alone) return record();
  options.alone(record);
}

class Taking {
 public:
  Taking(const plan::Plan& plan, const Options& options, backup::BackupProvider& provider)
      : plan_(plan),
        options_(options),
        provider_(provider),
        source_(pg::Connection::Open({.conninfo = options.conninfo,
                                      .lock_timeout = options.policy.lock_timeout,
                                      .lock_budget = options.lock_budget,
                                      .stop = options.stop})) {}

  [[nodiscard]] pg::LockPatience Locks() const {
    return {.lock_timeout = options_.policy.lock_timeout, .retries = options_.policy.lock_retries};
  }

  Checkpoint Run(journal::Journal& journal) {
    ReadServer();
    base::Failpoint(base::FailpointId::kCheckpointBeforeBackup);
    backup::Backup backup = Reusable().value_or(backup::Backup{});
    const bool reused = !backup.id.empty();
    if (!reused) backup = NewBackup();
    base::Failpoint(base::FailpointId::kCheckpointBeforeStream);
    Stream stream(source_, {.hex = plan_.hex,
                            .stamp = Stamp(base::Now()),
                            .slot_bytes_max = options_.policy.slot_max_bytes,
                            .locks = Locks(),
                            .slot_deadline = options_.slot_deadline});
    base::Failpoint(base::FailpointId::kCheckpointSlotMade);
    Checkpoint checkpoint = CutAt(stream);
    try {
      provider_.CheckRestorable(checkpoint.point);
    } catch (const base::Error& error) {
      if (!reused) throw;
      base::Warn("backup {} cannot be used again: {}", backup.id, error.message());
      backup = NewBackup();
      checkpoint = CutAt(stream);
      provider_.CheckRestorable(checkpoint.point);
    }
    provider_.Keep(backup);
    checkpoint.backup_id = backup.id;
    checkpoint.publications = stream.publications();
    checkpoint.slot = stream.slot();
    checkpoint.scan_from = stream.restart().value_or(backup.start);
    checkpoint.abilities_off.insert(checkpoint.abilities_off.end(), stream.off().begin(), stream.off().end());
    const pg::Result unheld = source_.Query(std::string(sql_text::kReadUnheld));
    for (int i = 0; i < unheld.rows(); ++i) checkpoint.abilities_off.push_back(unheld.Text(i, 0));
    if (!stream.no_slot().empty()) {
      const bool archive = checkpoint.parking.has_value() && provider_.Follows();
      checkpoint.abilities_off.push_back((archive ? kOnlyTheArchive : kNoStream) + stream.no_slot());
    }
    base::Failpoint(base::FailpointId::kCheckpointArchived);
    Alone(options_, [&] { Replace(options_.state, checkpoint, [&] { Record(checkpoint, journal); }); });
    stream.Keep();
    return checkpoint;
  }

  static void Record(const Checkpoint& checkpoint, journal::Journal& journal) {
    journal.Append("checkpoint", {{"digest", DigestOf(checkpoint)},
                                  {"plan_digest", checkpoint.plan_digest},
                                  {"system_identifier", checkpoint.point.system_identifier},
                                  {"restore_point", checkpoint.point.name},
                                  {"lsn", checkpoint.point.lsn.Text()},
                                  {"timeline", checkpoint.point.timeline},
                                  {"backup", checkpoint.backup_id},
                                  {"slot", checkpoint.slot},
                                  {"abilities_off", checkpoint.abilities_off}});
  }

 private:
  void ReadServer() {
    const pg::Result server = source_.Query(std::string(sql_text::kReadServer));
    if (server.Bool(0, 0)) throw base::Error(base::Code::kNotPrimary, "the server is a standby");
    system_identifier_ = server.Text(0, 1);
    database_ = server.Text(0, 6);
    database_oid_ = static_cast<std::uint32_t>(server.Int(0, 7));
    role_ = server.Text(0, 8);
  }

  // The newest one that is young and near enough, if it still is what its manifest says.
  std::optional<backup::Backup> Reusable() {
    const pg::Result now = source_.Query(std::string(sql_text::kReadTimeline));
    const auto timeline = static_cast<std::uint32_t>(now.Int(0, 0));
    const backup::Lsn position = backup::Lsn::Parse(now.Text(0, 1));
    const std::vector<backup::Backup> backups = provider_.List();
    const auto found = std::find_if(backups.rbegin(), backups.rend(), [&](const backup::Backup& backup) {
      return backup.system_identifier == system_identifier_ && backup.timeline == timeline &&
             base::Now() - backup.taken < options_.policy.backup_max_age &&
             position.value - backup.end.value <= static_cast<std::uint64_t>(options_.policy.backup_max_wal);
    });
    if (found == backups.rend()) return std::nullopt;
    try {
      const base::LongWork work(fmt::format("verifying the backup {}", found->id));
      provider_.Verify(*found);
      return *found;
    } catch (const base::Error& error) {
      if (error.code() != base::Code::kBackupCorrupt) throw;
      base::Warn("a new backup is taken: {}", error.message());
      return std::nullopt;
    }
  }

  backup::Backup NewBackup() {
    std::optional<pg::Connection> other;
    const base::LongWork work("taking a base backup",
                              {.unit = base::LongWork::Unit::kBytes, .look = [&] { return BackupProgress(other); }});
    return provider_.Take(source_, options_.backup_deadline);
  }

  // From another thread.
  [[nodiscard]] std::optional<base::LongWork::Reached> BackupProgress(std::optional<pg::Connection>& other) const {
    if (!other || other->Broken()) {
      other = pg::Connection::Open({.conninfo = options_.conninfo, .statement_timeout = std::chrono::seconds(5)});
    }
    const pg::Result row = other->Query(std::string(sql_text::kReadBackupProgress));
    if (row.rows() == 0) return std::nullopt;
    return base::LongWork::Reached{
        .done = row.Int(0, 1), .of = row.Int(0, 2), .estimate = true, .more = row.Text(0, 0)};
  }

  // The plan's tables that exist and hold rows.
  std::vector<pg::QualifiedName> TablesToHash() {
    std::vector<pg::QualifiedName> tables;
    for (const pg::QualifiedName& table : plan_.tables) {
      const pg::Result kind = source_.Query(
          "SELECT relkind FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p')", {table.Sql()});
      if (kind.rows() == 1) tables.push_back(table);
    }
    return tables;
  }

  // Returns when everything that a replay to the point needs is archived.
  Checkpoint CutAt(const Stream& stream) {
    Checkpoint checkpoint;
    checkpoint.release = plan_.release;
    checkpoint.plan_digest = plan_.digest;
    checkpoint.environment = options_.environment;
    checkpoint.database = database_;
    checkpoint.database_oid = database_oid_;
    checkpoint.role = role_;
    const catalog::Catalog catalog = catalog::Read(source_, {.relations = plan_.tables, .taken_names = false});
    checkpoint.relations = backup::ToJson(backup::ReadRelations(source_));
    checkpoint.tables = plan_.tables;
    checkpoint.touched = catalog::Describe(catalog, plan_.tables);
    checkpoint.time = base::Now();
    Cut cut = MakeCut(source_, {.name = fmt::format("sb_{}_{}", plan_.hex, Stamp(checkpoint.time)),
                                .hashed = options_.content_hash ? TablesToHash() : std::vector<pg::QualifiedName>{},
                                .locks = Locks(),
                                .decodable = !stream.publications().empty()});
    base::Failpoint(base::FailpointId::kCheckpointPointMade);
    provider_.AwaitArchived(source_, cut.segment, options_.archive_deadline);
    checkpoint.point = cut.point;
    checkpoint.point.restored = options_.line;
    checkpoint.segment = cut.segment;
    checkpoint.parking = cut.parking;
    checkpoint.content = std::move(cut.content);
    if (options_.content_hash && !checkpoint.content) checkpoint.content.emplace();
    if (cut.point.name.empty()) {
      checkpoint.abilities_off.emplace_back(
          "the point has no name in the write-ahead log, its position alone marks it: the role may not run "
          "pg_create_restore_point(text); GRANT EXECUTE on it");
    }
    return checkpoint;
  }

  const plan::Plan& plan_;
  const Options& options_;
  backup::BackupProvider& provider_;
  pg::Connection source_;
  std::string system_identifier_;
  std::string database_;
  std::uint32_t database_oid_ = 0;
  std::string role_;
};

milliseconds Since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

// A backup counts when it was restored.
Proof Prove(const Checkpoint& checkpoint, const std::filesystem::path& state, backup::BackupProvider& provider) {
  const sandbox::Workspace workspace("prove");
  // The provider's servers may run as another account than ours; the one in it has a closed folder of its own.
  std::filesystem::permissions(workspace.path(), std::filesystem::perms(0711));
  NoteRestore(state, workspace.path());
  backup::RestoreRequest request;
  request.point = checkpoint.point;
  request.directory = workspace.path() / "server";
  request.database = checkpoint.database;
  request.role = checkpoint.role;
  request.throwaway = true;
  const backup::Restored restored = backup::Await(*provider.StartRestore(request));
  const auto start = std::chrono::steady_clock::now();
  const Verification verification = Verify(restored.url, checkpoint);
  const milliseconds took = Since(start);
  base::Failpoint(base::FailpointId::kCheckpointProven);
  provider.Discard(restored);
  if (!verification.Good()) {
    throw base::Error(base::Code::kProofFailed,
                      "the restored checkpoint differs from the database that it was taken of")
        .Detail(ToJson(verification).at("differences").dump());
  }
  return {.at = base::Now(),
          .copy = restored.copy,
          .recover = restored.recover,
          .verify = took,
          .contents = verification.contents_checked};
}

}  // namespace

Checkpoint Take(const plan::Plan& plan, const Options& options, backup::BackupProvider& provider,
                journal::Journal& journal) {
  RemoveUnfinished(options.state, journal);
  Checkpoint checkpoint = Taking(plan, options, provider).Run(journal);
  if (!options.prove) return checkpoint;
  checkpoint.proof = Prove(checkpoint, options.state, provider);
  const base::Json proven = {{"digest", DigestOf(checkpoint)},
                             {"restore_point", checkpoint.point.name},
                             {"lsn", checkpoint.point.lsn.Text()},
                             {"copy_ms", checkpoint.proof->copy.count()},
                             {"recover_ms", checkpoint.proof->recover.count()},
                             {"verify_ms", checkpoint.proof->verify.count()},
                             {"contents", checkpoint.proof->contents ? "equal" : "not checked"}};
  Alone(options, [&] { Replace(options.state, checkpoint, [&] { journal.Append("proven", proven); }); });
  return checkpoint;
}

}  // namespace checkpoint
