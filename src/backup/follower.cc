#include "backup/follower.h"

#include <fmt/core.h>

#include <thread>
#include <utility>

#include "backup/programs.h"
#include "base/file.h"
#include "base/log.h"
#include "base/stop.h"
#include "pg/connection.h"
#include "sandbox/workspace.h"

namespace backup {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// The last segment that the server gets, by name; it waits for all behind it.
constexpr const char* kGate = "gate";
// "GATE SEGMENT": what it asked for last and did not get, and where the gate stood then.
constexpr const char* kAsked = "asked";
constexpr std::chrono::seconds kSlotPatience{10};
constexpr milliseconds kLookEvery{500};

// Names of segments, and of history files, sort as the log goes on. Who asks for a segment behind the gate has replayed
// all before it, because nothing is read ahead. A segment of the source's pg_wal is given once: it may end early, and
// is asked for again then; the server keeps what it got.
std::string GatedCommand(const RecoveryJob& job, const fs::path& source_wal) {
  const std::string directory = ShellQuoteForServer(job.request.directory.string());
  std::string get = fmt::format("( {} )", job.restore_command);
  if (!source_wal.empty()) {
    get = fmt::format("{{ {0} || {{ [ ! -e {1}/given.%f ] && cp {2}/%f \"%p\" && : >{1}/given.%f; }}; }}", get,
                      directory, ShellQuoteForServer(source_wal.string()));
  }
  return fmt::format(
      "g=$(cat {0}/{1}) && [ ! \"%f\" \\> \"$g\" ] && {2} || "
      "{{ echo \"$g %f\" >{0}/{3}.new && mv {0}/{3}.new {0}/{3}; exit 1; }}",
      directory, kGate, get, kAsked);
}

std::map<std::string, std::string> FollowerSettings(const RecoveryJob& job, const fs::path& source_wal) {
  std::map<std::string, std::string> settings = CopySettings(job);
  settings.merge(std::map<std::string, std::string>{
      {"restore_command", GatedCommand(job, source_wal)},
      {"hot_standby", "on"},
      {"recovery_prefetch", "off"},
      {"recovery_min_apply_delay", "0"},
      {"wal_retrieve_retry_interval", "20ms"},
      {"max_standby_archive_delay", "-1"},
      {"wal_level", "logical"},
      {"max_replication_slots", "4"},
      {"max_slot_wal_keep_size", "-1"},
      {"wal_sender_timeout", "0"},
  });
  return settings;
}

// Where the replay came to a stop.
enum class Stop {
  kAtGate,  // it needs more than the gate lets through
  kLacks,   // the gate's own segment, or the end of it, is not there
  kReader   // it goes on when what it replayed so far was read
};

}  // namespace

struct Follower::State {
  explicit State(RecoveryJob given) : job(std::move(given)) {
    const std::uint64_t bytes = job.backup.segment_bytes;
    gate.value = job.request.point.lsn.value / bytes * bytes - bytes;
  }
  State(const State&) = delete;
  ~State() {
    connection.reset();
    server.reset();
    if (!made) return;
    std::error_code error;
    fs::remove_all(job.request.directory, error);
    if (error) base::Warn("cannot remove {}: {}", job.request.directory.string(), error.message());
  }

  [[nodiscard]] std::string Gate() const {
    return SegmentAt(job.request.point.timeline, gate, job.backup.segment_bytes);
  }
  void SetGate() const { base::WriteFile(job.request.directory / kGate, Gate() + "\n"); }

  // Waits until it needs more than the gate lets through, or waits itself for who reads what it replayed so far.
  Stop Await() {
    const std::string open = Gate();
    const auto begun = std::chrono::steady_clock::now();
    auto look = begun + kLookEvery;
    while (true) {
      const std::string asked = base::ReadFileIfExists(job.request.directory / kAsked).value_or("");
      if (asked.starts_with(open + " ")) {
        const std::string segment = asked.substr(open.size() + 1, open.size());
        if (IsSegmentName(segment) && segment >= open) return segment > open ? Stop::kAtGate : Stop::kLacks;
      }
      if (!server->Running()) {
        throw base::Error(base::Code::kRestoreFailed, "the server that replays the archive ended")
            .Detail(server->LogText());
      }
      if (const auto now = std::chrono::steady_clock::now(); now >= look) {
        if (WaitsForReader(now - begun >= kSlotPatience)) return Stop::kReader;
        look = now + kLookEvery;
      }
      base::StopIfAsked(job.request.stop);
      std::this_thread::sleep_for(milliseconds(2));
    }
  }

  // A transaction that is sent while it removes rows holds them, until all of it is read. And it waits for a slot that
  // cannot stay to be let go, while who reads from it waits for more to be replayed: that is refused.
  bool WaitsForReader(bool for_long) {
    try {
      const pg::Result startup = Connected().Query(
          "SELECT wait_event, pg_last_wal_replay_lsn() FROM pg_stat_activity WHERE backend_type = 'startup'");
      const std::string waits = startup.rows() == 0 ? "" : startup.Text(0, 0);
      if (waits == "RecoveryConflictSnapshot") return Lsn::Parse(startup.Text(0, 1)) > replayed;
      if (waits != "ReplicationSlotDrop" || !for_long) return false;
    } catch (const base::Error& error) {
      if (error.code() == base::Code::kInterrupted) throw;
      connection.reset();  // it takes none yet
      return false;
    }
    throw base::Error(base::Code::kRestoreFailed, "the archive cannot be decoded to its end")
        .Detail("the old server removed rows of its catalog that decoding needs, which it may where its slot is gone");
  }

  pg::Connection& Connected() {
    if (!connection) connection = pg::Connection::Open({.conninfo = server->Url()});
    return *connection;
  }

  Lsn Replayed() { return Lsn::Parse(Connected().Query("SELECT pg_last_wal_replay_lsn()").Text(0, 0)); }

  RecoveryJob job;
  bool made = false;
  std::optional<sandbox::Server> server;
  std::optional<pg::Connection> connection;
  Lsn gate;  // in the last segment that it gets
  Lsn replayed;
  bool halted = false;  // on its way to the gate
  bool ended = false;
};

Follower::Follower(std::unique_ptr<State> state) : state_(std::move(state)) {}
Follower::~Follower() = default;

std::unique_ptr<Follower> Follower::Start(RecoveryJob job, const fs::path& source_wal) {
  std::unique_ptr<Follower> follower(new Follower(std::make_unique<State>(std::move(job))));
  State& state = *follower->state_;
  MakeDirectory(state.job);
  state.made = true;
  MakeCopy(state.job, "standby.signal");
  state.SetGate();
  state.server = sandbox::Server::Adopt({.binaries = state.job.binaries,
                                         .data = state.job.request.directory / "data",
                                         .socket_directory = {},
                                         .port = {},
                                         .account = state.job.account,
                                         .role = state.job.request.role,
                                         .database = state.job.request.database,
                                         .settings = FollowerSettings(state.job, source_wal),
                                         .pass = state.job.pass});
  try {
    state.server->Start(state.job.request.deadline);
  } catch (const base::Error& error) {
    throw base::Error(base::Code::kRestoreFailed, "the server that replays the archive did not come up")
        .Detail(error.detail().empty() ? error.message() : error.message() + "\n" + error.detail());
  }
  if (state.Await() == Stop::kLacks) {
    throw base::Error(base::Code::kRestoreFailed, fmt::format("the archive lacks segment {}", state.Gate()));
  }
  state.replayed = state.Replayed();
  return follower;
}

std::string Follower::Url() const { return state_->server->Url(); }

std::optional<Lsn> Follower::Next() {
  State& state = *state_;
  if (state.ended) return std::nullopt;
  if (!std::exchange(state.halted, false)) {
    state.gate.value += state.job.backup.segment_bytes;
    state.SetGate();
  }
  const Stop stop = state.Await();
  state.halted = stop == Stop::kReader;
  state.ended = stop == Stop::kLacks;
  if (state.ended) {
    // Or the server would go on asking, and a tool starts for each time.
    state.gate.value -= state.job.backup.segment_bytes;
    state.SetGate();
  }
  const Lsn before = std::exchange(state.replayed, state.Replayed());
  if (state.ended && state.replayed == before) return std::nullopt;
  return state.replayed;
}

}  // namespace backup
