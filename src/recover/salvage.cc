#include "recover/salvage.h"

#include <fmt/core.h>

#include <array>
#include <set>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/long_work.h"
#include "base/stop.h"
#include "catalog/trust.h"
#include "checkpoint/checkpoint.h"
#include "proof/unseen.h"
#include "recover/archive_stream.h"
#include "recover/sql_text.h"
#include "recover/unrepeated.h"
#include "stream/drain.h"

namespace recover {
namespace {

// The stream of a checkpoint, read as far as it can be.
struct Source {
  checkpoint::Checkpoint checkpoint;
  std::optional<pg::Connection> server;  // the old one
  std::optional<proof::Seen> seen;       // on it, or on a standby in its place
  std::string note;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  Evidence evidence = Evidence::kSlot;

  [[nodiscard]] stream::Reader Open(const std::filesystem::path& state) const {
    return {state, SpoolOf(checkpoint), {checkpoint.release, journal::KeysOf(state)}};
  }
};

[[noreturn]] void NotEvidenced(const std::string& why) {
  throw base::Error(base::Code::kSalvageNotEvidenced, "the stream does not have what the applications wrote")
      .Detail(why);
}

// Why the slot does not give what was written; empty: it did.
std::string DrainSlot(const SalvageOptions& options, Source& source) {
  constexpr const char* kSilent = "the old server does not answer";
  if (!options.conninfo) return kSilent;
  try {
    source.server =
        pg::Connection::Open({.conninfo = *options.conninfo, .lock_budget = options.lock_budget, .stop = options.stop});
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kUnreachable) throw;
    return kSilent;
  }
  if (options.tell) options.tell("reading what the applications wrote");
  const stream::Drained drained = stream::Drain({.connect = {.conninfo = *options.conninfo},
                                                 .slot = source.checkpoint.slot,
                                                 .publications = source.checkpoint.publications,
                                                 .from = source.checkpoint.point.lsn,
                                                 .state = options.state,
                                                 .stop = options.stop});
  if (!drained.not_evidenced.empty() && !drained.lost) NotEvidenced(drained.not_evidenced);
  source.note = "counted to the end of the old server's log";
  source.seen = proof::See(*source.server, source.checkpoint.publications);
  return drained.not_evidenced;
}

// Why the archive does not give it; empty: it did.
std::string ReadArchive(const SalvageOptions& options, Source& source, const std::string& why) {
  if (options.provider == nullptr) return "no archive is named";
  const stream::Drained drained = DrainArchive({.checkpoint = source.checkpoint,
                                                .state = options.state,
                                                .provider = *options.provider,
                                                .source_wal = options.source_wal,
                                                .old_server = source.server ? &*source.server : nullptr,
                                                .tell = options.tell,
                                                .seen = source.server ? nullptr : &source.seen,
                                                .stop = options.stop});
  source.evidence = Evidence::kArchiveStream;
  source.note = source.server ? fmt::format("{}: counted to the end of the old server's log, from the archive", why)
                              : fmt::format(
                                    "{}: counted up to {}, where the archive ends; what was written after that "
                                    "is not in it",
                                    why, drained.through.Text());
  return drained.not_evidenced;
}

Source Read(const SalvageOptions& options) {
  Source source;
  source.checkpoint = checkpoint::Load(options.state);
  const std::string why = DrainSlot(options, source);
  if (why.empty()) return source;
  const std::string why_not = ReadArchive(options, source, why);
  if (why_not.empty()) return source;
  const std::string both = fmt::format("{}; and the archive cannot be read: {}", why, why_not);
  const stream::Reader reader = source.Open(options.state);
  if (source.server || !reader.place()) NotEvidenced(both);
  source.evidence = Evidence::kFormerRead;
  source.note =
      fmt::format("{}: counted up to {}, where the stream was last read; what was written after that is not in it",
                  both, reader.place()->through.Text());
  return source;
}

salvage::Options RequestOf(const SalvageOptions& options, Source& source, const std::string& restored) {
  return {.restored = restored,
          .open = [&options, &source] { return source.Open(options.state); },
          .from = source.checkpoint.point.lsn,
          .plan = options.plan,
          .old_server = source.server ? &*source.server : nullptr,
          .conflicts = options.state / "conflicts.json",
          .tell = options.tell};
}

// Of an old server that a cut-over cannot do without.
void RequireServer(const SalvageOptions& options, const Source& source) {
  if (source.server) return;
  throw base::Error(base::Code::kUnreachable, "the old server does not answer, and a cut-over needs it")
      .Hint(fmt::format("Where it is gone for good, `switchback restore {} --go-on` carries over what was read of it.",
                        options.plan.release));
}

// All that applications committed before the fence, and nothing else, is in the report.
void RequireAll(const SalvageOptions& options, const Source& source, const CutOverReport& report) {
  stream::Reader reader = source.Open(options.state);
  const salvage::Account all = salvage::CountSince(reader, source.checkpoint.point.lsn);
  const salvage::Report& salvaged = report.salvaged.report;
  const std::int64_t told = salvaged.Applied() + salvaged.InConflict() + salvaged.Skipped();
  if (all.through >= report.fence.lsn && told == all.Changes() && salvaged.account.applications == all.applications) {
    return;
  }
  throw base::Error(base::Code::kInternal, "what was carried over is not what the applications wrote")
      .Detail(
          fmt::format("up to {}, with the fence at {}, {} changes in {} transactions were written; {} changes in {} "
                      "transactions were applied, are in conflict or skipped",
                      all.through.Text(), report.fence.lsn.Text(), all.Changes(), all.applications, told,
                      salvaged.account.applications));
}

std::int64_t Lift(pg::Connection& server, const salvage::Patience& patience, journal::Journal& journal) {
  const std::int64_t tables = salvage::LiftFence(server, patience);
  base::Failpoint(base::FailpointId::kFenceLifted);
  if (tables > 0) journal.Append("fence_lifted", {{"tables", tables}});
  return tables;
}

bool TryToLift(pg::Connection& server, const salvage::Patience& patience, journal::Journal& journal) {
  try {
    Lift(server, patience, journal);
    return true;
  } catch (const base::Error& error) {
    base::Warn("the fence could not be lifted: {}", error.what());
    return false;
  }
}

// `stop` is what stops it: backup::Restored.
std::string StartOf(const std::string& stop) {
  constexpr std::string_view kStop = " stop -D ";
  constexpr std::string_view kHow = " -m fast";
  const std::size_t at = stop.find(kStop);
  if (at == std::string::npos || !stop.ends_with(kHow)) return "";
  const std::size_t name = at + kStop.size();
  const std::string data = stop.substr(name, stop.size() - kHow.size() - name);
  return fmt::format("{} start -w -D {} -l {}/start.log", stop.substr(0, at), data, data);
}

void RequireRunning(const std::string& url, const std::string& stop) {
  try {
    pg::Connection::Open({.conninfo = url});
  } catch (base::Error& error) {
    if (error.code() != base::Code::kUnreachable) throw;
    error.Context("while asking the server that the last restore made");
    error.Hint(fmt::format("It may have been stopped. To start it: {}", StartOf(stop)));
    throw;
  }
}

// A list for people must not keep the rows from being carried over.
std::vector<std::string> UnrepeatedOrWhy(const SchemaOf& restored, const SchemaOf& old_server, const plan::Plan& plan,
                                         const journal::Journal& journal) {
  try {
    return Unrepeated(restored, old_server, plan, journal);
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted || error.code() == base::Code::kConnectionLost) throw;
    return {"what DDL came since was not found out: " + error.message()};
  }
}

// There the session is a superuser's, who trusts beside those that a person named only the role that made the release:
// what is in schema switchback is its.
std::vector<std::string> TrustsThere(const SalvageOptions& options, Source& source) {
  std::vector<std::string> trusts = options.trusts;
  if (source.server) trusts.push_back(source.server->Exec("SELECT session_user").Text(0, 0));
  return trusts;
}

// The copy has the code of its users too, and each row that is carried over would evaluate it.
void RequireTrustIn(pg::Connection& restored) {
  catalog::RequireOwnSchemas(restored);
  std::vector<pg::QualifiedName> tables;
  const pg::Result rows = restored.Exec(std::string(sql_text::kUsersTables));
  for (int i = 0; i < rows.rows(); ++i) tables.push_back({rows.Text(i, 0), rows.Text(i, 1)});
  // The role's own, which the rows are carried over with.
  const std::string path =
      restored.Exec("SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'").Text(0, 0);
  catalog::RequireTrust(restored, tables, path, catalog::Writes::kAsReplica);
}

SalvageReport CarryOver(const SalvageOptions& options, Source& source, const std::string& restored,
                        journal::Journal& journal) {
  SalvageReport done;
  done.restored = restored;
  done.note = source.note;
  done.old_server_answered = source.server.has_value();
  pg::Connection server = pg::Connection::Open(
      {.conninfo = restored, .idle_in_transaction = salvage::kIdle, .trusts = TrustsThere(options, source)});
  RequireTrustIn(server);
  const proof::Seen before = proof::See(server, source.checkpoint.publications);
  const proof::Seen& now = source.seen ? *source.seen : before;
  done.uncovered = now.uncovered;
  std::set<std::int64_t> rewritten;
  for (const auto& [oid, table] : now.tables) {
    const auto was = before.tables.find(oid);
    if (was == before.tables.end() || was->second.filenode == table.filenode) continue;
    rewritten.insert(oid);
    done.uncovered.push_back(
        fmt::format("{} was rewritten or emptied: what became of its rows is not in the stream", table.name.Text()));
  }
  if (!source.seen) done.uncovered.emplace_back("which tables were rewritten since is not known: no server tells it");
  if (source.server) {
    done.unrepeated = UnrepeatedOrWhy({server, before.tables}, {*source.server, now.tables}, options.plan, journal);
  } else {
    done.unrepeated = {
        "what DDL came since, and sequences that no column owns, are not known: the old server does not answer"};
  }
  salvage::Options request = RequestOf(options, source, restored);
  request.rewritten = std::move(rewritten);
  done.conflicts = request.conflicts;
  done.report = salvage::Salvage(request);
  done.took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - source.began);
  base::Failpoint(base::FailpointId::kSalvageNamed);
  journal.Append("salvaged", ToJson(done));
  return done;
}

}  // namespace

Loss CountLoss(const SalvageOptions& options) {
  Source source = Read(options);
  stream::Reader reader = source.Open(options.state);
  const base::LongWork work("counting what the applications wrote");
  Loss loss{.account = salvage::CountSince(reader, source.checkpoint.point.lsn),
            .note = source.note,
            .uncovered = {},
            .restore_takes = RestoreTakes(source.checkpoint),
            .evidence = source.evidence};
  if (source.seen) loss.uncovered = source.seen->uncovered;
  return loss;
}

std::optional<std::chrono::milliseconds> RestoreTakes(const checkpoint::Checkpoint& checkpoint) {
  if (!checkpoint.proof) return std::nullopt;
  return checkpoint.proof->copy + checkpoint.proof->recover + checkpoint.proof->verify;
}

std::string_view Name(Evidence evidence) {
  constexpr std::array<std::string_view, 4> kNames = {"slot", "archive stream", "stream read before", "pg_waldump"};
  return kNames.at(static_cast<std::size_t>(evidence));
}

std::string LastRestored(const std::filesystem::path& state, const journal::Journal& journal) {
  const backup::Point point = checkpoint::Load(state).point;
  for (auto event = journal.events().rbegin(); event != journal.events().rend(); ++event) {
    if (event->kind != "restored" || event->body.value("restore_point", "") != point.name ||
        event->body.value("lsn", "") != point.lsn.Text()) {
      continue;
    }
    if (const base::Json& differences = event->body.at("verification").at("differences"); !differences.empty()) {
      throw base::Error(base::Code::kRestoreUnverified, "the restored server differs from what the checkpoint knows")
          .Detail(differences.dump());
    }
    RequireRunning(event->body.at("url"), event->body.value("stop", ""));
    return event->body.at("url");
  }
  throw base::Error(base::Code::kNoRestored, "no server was restored from this checkpoint yet");
}

SalvageReport Salvage(const SalvageOptions& options, const std::string& restored, journal::Journal& journal) {
  Source source = Read(options);
  return CarryOver(options, source, restored, journal);
}

CutOverReport CutOver(const SalvageOptions& options, const salvage::Patience& patience, const std::string& restored,
                      journal::Journal& journal) {
  Source source = Read(options);
  RequireServer(options, source);
  CutOverReport done;
  if (options.tell) options.tell("ending the applications' writes to the old server");
  done.fence = salvage::RaiseFence(*source.server, patience);
  try {
    base::Failpoint(base::FailpointId::kFenceRaised);
    journal.Append("fenced", salvage::ToJson(done.fence));
    Source last = Read(options);
    RequireServer(options, last);
    done.salvaged = CarryOver(options, last, restored, journal);
    RequireAll(options, last, done);
    base::Failpoint(base::FailpointId::kCutOverCounted);
    journal.Append("cut_over", ToJson(done));
  } catch (base::Error& error) {
    const bool in_vain = error.code() == base::Code::kSalvageDone || error.code() == base::Code::kSalvageNotEvidenced;
    if (in_vain && TryToLift(*source.server, patience, journal)) throw;
    error.TargetChanged(base::Changed::kYes);
    error.Context(
        fmt::format("while applications cannot write to the old server: `switchback restore {0} --cut-over` goes on, "
                    "and `switchback "
                    "restore {0} --lift-fence` lets them write again",
                    options.plan.release));
    throw;
  }
  return done;
}

std::int64_t LiftFence(const pg::ConnectOptions& old_server, const salvage::Patience& patience,
                       journal::Journal& journal) {
  pg::Connection server = pg::Connection::Open(
      {.conninfo = old_server.conninfo, .lock_budget = old_server.lock_budget, .stop = old_server.stop});
  return Lift(server, patience, journal);
}

salvage::Resolution Resolve(const SalvageOptions& options, const std::string& restored,
                            const salvage::Decisions& decisions, journal::Journal& journal) {
  salvage::Resolution resolution =
      salvage::Resolve(restored, options.plan, decisions, options.state / "conflicts.json", options.stop);
  base::Failpoint(base::FailpointId::kSalvageResolved);
  base::Json told = salvage::ToJson(resolution.resolved);
  told["url"] = restored;
  told["decided"] = base::Json::array();
  for (const auto& [group, choice] : decisions.groups) told["decided"].push_back({group, choice});
  journal.Append("resolved", told);
  return resolution;
}

base::Json ToJson(const Loss& loss) {
  base::Json json = salvage::ToJson(loss.account);
  json["note"] = loss.note;
  json["uncovered"] = loss.uncovered;
  json["evidenced_by"] = Name(loss.evidence);
  json["unnamed"] = loss.unnamed;
  json["restore_takes_ms"] = loss.restore_takes ? base::Json(loss.restore_takes->count()) : base::Json();
  return json;
}

base::Json ToJson(const SalvageReport& report) {
  base::Json json = salvage::ToJson(report.report);
  json["url"] = report.restored;
  json["note"] = report.note;
  json["uncovered"] = report.uncovered;
  json["unrepeated"] = report.unrepeated;
  json["conflicts_file"] = report.conflicts.string();
  json["took_ms"] = report.took.count();
  return json;
}

// What was applied of it stands in `salvaged`.
base::Json ToJson(const CutOverReport& report) {
  const salvage::Report& salvaged = report.salvaged.report;
  return {{"url", report.salvaged.restored},
          {"fence", salvage::ToJson(report.fence)},
          {"transactions", salvaged.account.applications},
          {"changes", salvaged.account.Changes()},
          {"applied", salvaged.Applied()},
          {"in_conflict", salvaged.InConflict()},
          {"skipped", salvaged.Skipped()}};
}

}  // namespace recover
