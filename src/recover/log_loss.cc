#include "recover/log_loss.h"

#include <fmt/core.h>

#include <algorithm>

#include "backup/programs.h"
#include "base/error.h"
#include "base/long_work.h"
#include "sandbox/server.h"
#include "stream/reader.h"

namespace recover {
namespace {

namespace fs = std::filesystem;

constexpr int kOfMajor = 10000;

// How far the old server's log can be read.
struct Reach {
  fs::path wal;                // its pg_wal, when it is on this machine
  std::uint32_t timeline = 0;  // its own; 0: not known
  backup::Lsn to;              // 0: as far as there is WAL
  std::string silent;          // why it did not tell all, a sentence without a full stop
};

// The data directory that the server names may be another machine's, or another server's on this one.
bool IsDataOf(const fs::path& data, const std::string& system_identifier, const sandbox::Binaries& binaries) {
  try {
    const std::string control = backup::RunControlData(data, binaries, {});
    return backup::ControlData(control, "Database system identifier") == system_identifier;
  } catch (const base::Error&) {
    return false;
  }
}

std::optional<fs::path> DataOf(pg::Connection& server) {
  try {
    return server.Query("SELECT current_setting('data_directory')").Text(0, 0);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    return std::nullopt;
  }
}

void AskServer(const LogRequest& request, const sandbox::Binaries& binaries, Reach& reach) {
  pg::Connection& server = *request.server;
  const std::string& identifier = request.checkpoint.point.system_identifier;
  const pg::Result now = server.Query(
      "SELECT pg_current_wal_flush_lsn(), pg_walfile_name(pg_current_wal_insert_lsn()), system_identifier "
      "FROM pg_control_system()");
  if (now.Text(0, 2) != identifier) {
    reach.silent = "the server that answers is another one than the checkpoint's";
    return;
  }
  reach.to = backup::Lsn::Parse(now.Text(0, 0));
  reach.timeline = backup::TimelineOf(now.Text(0, 1));
  const std::optional<fs::path> data = DataOf(server);
  if (data && IsDataOf(*data, identifier, binaries)) {
    reach.wal = *data / "pg_wal";
  } else if (request.finish) {
    backup::FinishSegment(server, request.provider, std::chrono::seconds(60));
  }
}

// Asks the old server for the end of its log, and where that lies.
Reach ReachOf(const LogRequest& request, const sandbox::Binaries& binaries) {
  Reach reach{.wal = request.source_wal, .timeline = 0, .to = {}, .silent = request.silent};
  if (request.server == nullptr) return reach;
  try {
    AskServer(request, binaries, reach);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    reach.silent = error.message();
  }
  return reach;
}

sandbox::Binaries BinariesFor(const LogRequest& request) {
  if (request.server != nullptr) return sandbox::FindBinaries(request.server->ServerVersion() / kOfMajor);
  for (const backup::Backup& each : request.provider.List()) {
    if (each.id == request.checkpoint.backup_id) return sandbox::FindBinaries(each.server_major);
  }
  return sandbox::FindBinaries();
}

// The names of the point first: they are the restored server's.
std::vector<backup::Relation> Relations(const LogRequest& request) {
  std::vector<backup::Relation> relations = backup::RelationsFromJson(request.checkpoint.relations);
  if (request.server == nullptr) return relations;
  const std::vector<backup::Relation> now = backup::ReadRelations(*request.server);
  relations.insert(relations.end(), now.begin(), now.end());
  return relations;
}

std::vector<std::string> Unlogged(const std::vector<backup::Relation>& relations) {
  std::vector<std::string> sentences;
  for (const backup::Relation& relation : relations) {
    if (!relation.unlogged || !relation.table) continue;
    const std::string sentence = fmt::format("{} is unlogged: nothing of it is in the log", relation.table->Text());
    if (std::ranges::find(sentences, sentence) == sentences.end()) sentences.push_back(sentence);
  }
  return sentences;
}

std::string NoteOf(const LogRequest& request, const backup::WalAccount& account, const Reach& reach) {
  const std::string through = account.through.Text();
  if (account.bounded) return fmt::format("counted up to {}: the first {} segments", through, request.segments_most);
  if (reach.to.value != 0 && account.ended.empty()) return "counted to the end of the old server's log";
  return fmt::format("counted as far as the archive goes, up to {}: {}", through,
                     reach.silent.empty() ? "the old server's log ends at " + reach.to.Text() : reach.silent);
}

LogCount Count(const LogRequest& request) {
  const checkpoint::Checkpoint& checkpoint = request.checkpoint;
  backup::AccountRequest account;
  account.binaries = BinariesFor(request);
  account.archive = request.provider.Segments();
  const Reach reach = ReachOf(request, account.binaries);
  account.source_wal = reach.wal;
  account.timeline = checkpoint.point.timeline;
  account.last_timeline = reach.timeline;
  account.segment_bytes = backup::SegmentBytesOf(checkpoint.segment, {.value = checkpoint.point.lsn.value - 1});
  account.scan_from = checkpoint.scan_from;
  account.from = checkpoint.point.lsn;
  account.to = reach.to;
  account.segments_most = request.segments_most;
  account.database = checkpoint.database_oid;
  account.whose = [keys = journal::KeysOf(request.state),
                   release = checkpoint.release](const std::string& text) -> std::optional<std::string> {
    const std::optional<journal::Tag> tag = journal::ReadTag(keys, text);
    if (!tag) return std::nullopt;
    return tag->release == release ? std::string() : tag->release;
  };
  account.relations = Relations(request);
  const base::LongWork work("counting in the write-ahead log");
  LogCount count{.account = backup::AccountFor(account), .unlogged = Unlogged(account.relations)};
  if (!count.account) {
    count.note = "not counted: the archive does not have the log from the restore point on";
    return count;
  }
  if (count.account->unread > 0) {
    count.account.reset();
    count.note = "not counted: pg_waldump prints records in a form that is not known";
    return count;
  }
  count.note = NoteOf(request, *count.account, reach);
  count.to_the_end = reach.to.value != 0 && !count.account->bounded && count.account->ended.empty();
  return count;
}

std::map<pg::QualifiedName, salvage::TableAccount> TablesOf(const std::map<pg::QualifiedName, backup::WalTable>& log) {
  std::map<pg::QualifiedName, salvage::TableAccount> tables;
  for (const auto& [name, table] : log) {
    tables[name] = {
        .inserted = table.inserted, .updated = table.updated, .deleted = table.deleted, .truncated = table.truncated};
  }
  return tables;
}

salvage::Account AccountOf(const backup::WalAccount& log) {
  salvage::Account account{.through = log.through,
                           .applications = log.applications,
                           .migrations = log.own,
                           .first = log.first,
                           .last = log.last};
  account.tables = TablesOf(log.tables);
  for (const auto& [name, release] : log.releases) {
    account.releases[name] = {.transactions = release.transactions, .tables = TablesOf(release.tables)};
  }
  return account;
}

// Nothing where it is not evidenced either; why, in `why`.
std::optional<Loss> LossInLog(const SalvageOptions& options, std::string& why) {
  if (options.provider == nullptr) return std::nullopt;
  const checkpoint::Checkpoint checkpoint = checkpoint::Load(options.state);
  std::optional<pg::Connection> server;
  const std::string silent = AskFor(options.conninfo, server);
  const LogCount count = CountInLog({.checkpoint = checkpoint,
                                     .state = options.state,
                                     .provider = *options.provider,
                                     .server = server ? &*server : nullptr,
                                     .silent = silent,
                                     .source_wal = options.source_wal,
                                     .finish = true});
  if (!count.account) {
    why += "; and the log itself was " + count.note;
    return std::nullopt;
  }
  Loss loss{.account = AccountOf(*count.account),
            .note = fmt::format("{}; {}", why, count.note),
            .uncovered = count.unlogged,
            .restore_takes = RestoreTakes(checkpoint),
            .evidence = Evidence::kLog,
            .unnamed = count.account->unnamed};
  return loss;
}

}  // namespace

std::string AskFor(const std::optional<std::string>& conninfo, std::optional<pg::Connection>& server) {
  if (!conninfo) return "the old server was not asked";
  try {
    server = pg::Connection::Open({.conninfo = *conninfo});
    return "";
  } catch (const base::Error& error) {
    return error.message();
  }
}

LogCount CountInLog(const LogRequest& request) {
  try {
    return Count(request);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    return {.note = "not counted: " + error.message() + (error.detail().empty() ? "" : ": " + error.detail())};
  } catch (const fs::filesystem_error& error) {
    return {.note = fmt::format("not counted: {}", error.what())};
  }
}

Loss CountLossAnyhow(const SalvageOptions& options) {
  std::string why;
  try {
    Loss loss = CountLoss(options);
    if (loss.evidence != Evidence::kFormerRead) return loss;
    why = loss.note;
    const std::optional<Loss> in_log = LossInLog(options, why);
    return in_log && in_log->account.through > loss.account.through ? *in_log : loss;
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kSalvageNotEvidenced) throw;
    why = error.detail();
    if (const std::optional<Loss> in_log = LossInLog(options, why)) return *in_log;
    throw base::Error(error.code(), error.message()).Detail(why);
  }
}

}  // namespace recover
