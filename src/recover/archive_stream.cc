#include "recover/archive_stream.h"

#include <fmt/core.h>

#include <algorithm>
#include <future>
#include <utility>

#include "backup/follower.h"
#include "base/error.h"
#include "base/stop.h"
#include "sandbox/workspace.h"
#include "stream/spool.h"

namespace recover {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kReplayToPoint(12);
// For transactions that were open when the checkpoint was taken.
constexpr std::chrono::seconds kSnapshotPatience(60);
constexpr std::chrono::seconds kArchivePatience(60);

// Makes a slot on a standby, which takes until the standby has replayed records that are yet to come.
class SlotBeingMade {
 public:
  SlotBeingMade(const std::string& url, const std::string& name)
      : maker_(pg::Connection::Open({.conninfo = url})), made_(std::async(std::launch::async, [this, name] {
          return maker_.Query("SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')", {name}).Text(0, 0);
        })) {}
  SlotBeingMade(const SlotBeingMade&) = delete;
  ~SlotBeingMade() {
    if (made_.valid() && !Ready(milliseconds(0))) maker_.Cancel();
  }

  // Returns when it sees all that is replayed from here on.
  void AwaitReserved(const std::string& url, const std::string& name, base::Stop stop) {
    pg::Connection watch = pg::Connection::Open({.conninfo = url});
    const std::string reserved = "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND restart_lsn IS NOT NULL";
    while (!Ready(milliseconds(10)) && watch.Query(reserved, {name}).rows() == 0) base::StopIfAsked(stop);
  }
  bool Ready(milliseconds wait) { return made_.wait_for(wait) == std::future_status::ready; }
  // What commits from there on is shown. Throws what its making threw.
  pg::Lsn From() { return pg::Lsn::Parse(made_.get()); }

 private:
  pg::Connection maker_;
  std::future<std::string> made_;
};

// Has the old server archive what it has. Returns the end of that.
pg::Lsn FinishLog(pg::Connection& server, backup::BackupProvider& provider) {
  const pg::Lsn end = pg::Lsn::Parse(server.Query("SELECT pg_current_wal_flush_lsn()").Text(0, 0));
  backup::FinishSegment(server, provider, kArchivePatience);
  return end;
}

class Reading {
 public:
  explicit Reading(const ArchiveRequest& request) : request_(request) {}

  stream::Drained Run() {
    const checkpoint::Checkpoint& checkpoint = request_.checkpoint;
    if (checkpoint.publications.empty()) return NotEvidenced("the checkpoint has no publication");
    if (!checkpoint.parking) {
      return NotEvidenced(
          "the checkpoint was taken without what a standby needs to decode it (PostgreSQL 16 or later, wal_level "
          "logical, the right to run pg_log_standby_snapshot(), no transaction that stays open)");
    }
    sandbox::Workspace::SweepStale();
    workspace_.emplace("archive");
    // The provider's servers may run as another account than ours; the one in it has a closed folder of its own.
    std::filesystem::permissions(workspace_->path(), std::filesystem::perms(0711));
    const pg::Lsn end = request_.old_server == nullptr ? pg::Lsn{} : FinishLog(*request_.old_server, request_.provider);
    if (!Follow(workspace_->path() / "server")) {
      return NotEvidenced(fmt::format("the provider {} gives no segments one by one", request_.provider.Name()));
    }
    if (const std::string why = MakeSlot(); !why.empty()) return NotEvidenced(why);
    const stream::Drained drained = Drain();
    if (request_.seen != nullptr && drained.not_evidenced.empty()) {
      pg::Connection standby = pg::Connection::Open({.conninfo = follower_->Url()});
      *request_.seen = proof::See(standby, checkpoint.publications);
    }
    if (!drained.not_evidenced.empty() || drained.through >= end) return drained;
    return NotEvidenced(
        fmt::format("what the archive has ends at {}, the old server's log at {}", drained.through.Text(), end.Text()));
  }

 private:
  static stream::Drained NotEvidenced(const std::string& why) { return {.not_evidenced = why}; }

  bool Follow(const std::filesystem::path& directory) {
    if (request_.tell) request_.tell("restoring a standby, to read the archive");
    const checkpoint::Checkpoint& checkpoint = request_.checkpoint;
    backup::RestoreRequest restore;
    restore.point = {.name = "",
                     .lsn = *checkpoint.parking,
                     .timeline = checkpoint.point.timeline,
                     .system_identifier = checkpoint.point.system_identifier};
    restore.directory = directory;
    restore.database = checkpoint.database;
    restore.role = checkpoint.role;
    restore.throwaway = true;
    restore.deadline = kReplayToPoint;
    restore.stop = request_.stop;
    follower_ = request_.provider.Follow(restore, request_.source_wal);
    return follower_ != nullptr;
  }

  // Why there is none that shows all that is wanted; empty: there is.
  std::string MakeSlot() {
    const auto place = stream::ReadPlace(stream::SpoolDirectory(request_.state, SpoolOf(request_.checkpoint)));
    const pg::Lsn wanted = std::max(request_.checkpoint.point.lsn, place ? place->through : pg::Lsn{});
    SlotBeingMade slot(follower_->Url(), SpoolOf(request_.checkpoint));
    slot.AwaitReserved(follower_->Url(), SpoolOf(request_.checkpoint), request_.stop);
    while (!slot.Ready(replayed_ < wanted ? milliseconds(0) : kSnapshotPatience)) {
      if (replayed_ >= wanted) return "transactions that were open at the checkpoint stay open in the archive";
      const std::optional<pg::Lsn> more = follower_->Next();
      if (!more) return fmt::format("the archive ends at {}, and {} was read before", replayed_.Text(), wanted.Text());
      replayed_ = *more;
    }
    if (slot.From() <= wanted) return "";
    return "transactions that were open at the checkpoint ended after it";
  }

  stream::Drained Drain() {
    if (request_.tell) request_.tell("reading what the applications wrote from the archive");
    bool first = true;
    return stream::Drain({.connect = {.conninfo = follower_->Url()},
                          .slot = SpoolOf(request_.checkpoint),
                          .publications = request_.checkpoint.publications,
                          .from = request_.checkpoint.point.lsn,
                          .state = request_.state,
                          .stop = request_.stop,
                          .replay = [&]() -> std::optional<pg::Lsn> {
                            if (std::exchange(first, false)) return replayed_;
                            return follower_->Next();
                          }});
  }

  const ArchiveRequest& request_;
  std::optional<sandbox::Workspace> workspace_;
  std::unique_ptr<backup::Follower> follower_;
  pg::Lsn replayed_;
};

}  // namespace

std::string SpoolOf(const checkpoint::Checkpoint& checkpoint) {
  return checkpoint.slot.empty() ? "switchback_archive" : checkpoint.slot;
}

stream::Drained DrainArchive(const ArchiveRequest& request) {
  try {
    return Reading(request).Run();
  } catch (const base::Error& error) {
    if (error.code() == base::Code::kInterrupted) throw;
    return {.not_evidenced = error.message() + (error.detail().empty() ? "" : ": " + error.detail())};
  }
}

}  // namespace recover
