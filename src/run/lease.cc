#include "run/lease.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/failpoint.h"
#include "base/host.h"
#include "base/log.h"
#include "base/sleep.h"
#include "base/time.h"
#include "journal/mirror.h"
#include "pg/lock_watch.h"
#include "pg/transaction.h"
#include "run/identity.h"
#include "run/own.h"
#include "run/sql_text.h"

namespace run {
namespace {

constexpr auto kBeat = std::chrono::seconds(3);
constexpr auto kTakeoverWait = std::chrono::seconds(5);

std::string Sql(std::string_view text) { return std::string(text); }

// The same text only where process ids mean the same processes: one boot of one machine, one namespace of processes.
std::string WhereIdsHold() { return base::BootId() + "/" + base::PidNamespace(); }

bool IsDead(const std::string& host, const std::string& boot_id, std::int64_t pid) {
  if (host != base::HostName() || boot_id != WhereIdsHold()) return false;
  return ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

// Who has the lease, and how a frozen one's session is ended. A session dies with its process, but not while that is
// stopped or cut off.
std::string HolderText(pg::Connection& connection, const std::string& release) {
  const auto found = connection.Query(Sql(sql_text::kLeaseHolder), {release});
  if (found.rows() == 0 || found.IsNull(0, 2)) return "";
  std::string text = fmt::format("process {} on {} has had it for {}", found.Int(0, 1), found.Text(0, 0),
                                 base::FormatDuration(std::chrono::seconds(found.Int(0, 2))));
  if (!found.IsNull(0, 3) && found.Int(0, 3) > 0) {
    text += fmt::format(", and its lease runs for another {} s unless it is renewed", found.Int(0, 3));
  }
  if (found.IsNull(0, 4)) return text;
  text += fmt::format("\nits session is pid {} of the server", found.Int(0, 4));
  if (!found.IsNull(0, 5) && !found.IsNull(0, 6)) {
    text += fmt::format(" ({} for {})", found.Text(0, 5), base::FormatDuration(std::chrono::seconds(found.Int(0, 6))));
  }
  return text + fmt::format(
                    "; where that process is frozen or cut off, this ends the session, and once the lease has "
                    "run out, too, the same command takes the release over\n  SELECT pg_terminate_backend({});",
                    found.Int(0, 4));
}

[[noreturn]] void Refuse(const std::string& who, const std::string& detail) {
  throw base::Error(base::Code::kLeaseHeld, fmt::format("another runner works on this release: {}", who))
      .Detail(detail);
}

}  // namespace

Lease::Lease(const pg::ConnectOptions& options, pg::Connection& connection, std::string release, std::string tag_secret)
    : options_(options), release_(std::move(release)), tag_secret_(std::move(tag_secret)) {
  options_.statement_timeout = kBeat;
  options_.lock_timeout = kBeat;
  Take(connection);
  heart_ = std::jthread([this](const std::stop_token& stop) { Renew(stop); });
}

Lease::~Lease() {
  heart_.request_stop();
  if (heart_.joinable()) heart_.join();
  try {
    auto connection = pg::Connection::Open(options_);
    Write(connection, sql_text::kLeaseRelease, base::FailpointId::kLeaseBeforeReturn);
  } catch (const base::Error& error) {
    base::Debug("the lease runs out by itself: {}", error.message());
  }
}

// Any session with rights may hold the row, so whoever does is named.
pg::Result Lease::Look(pg::Connection& connection) const {
  pg::SetLockTimeout(connection, kTakeoverWait);
  pg::LockWatch watch(options_, connection.BackendPid());
  try {
    connection.Query(Sql(sql_text::kLeaseEnter), {release_});
    return connection.Query(Sql(sql_text::kLeaseLook), {release_});
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kLockTimeout) throw;
  }
  auto other = pg::Connection::Open(options_);
  const std::string holder = HolderText(other, release_);
  const std::string blockers = pg::BlockersText(watch.Finish().blockers);
  Refuse("a step of it is running",
         fmt::format("{}{}the row of its lease is locked by\n{}", holder, holder.empty() ? "" : "\n",
                     blockers.empty() ? "a session that nobody saw" : blockers));
}

void Lease::Take(pg::Connection& connection) {
  const std::string host = base::HostName();
  pg::Transaction transaction(connection);
  MarkAsOwn(connection, tag_secret_, {.release = release_});
  journal::EnterRunner(connection, tag_secret_);
  const pg::Result found = Look(connection);
  const std::int64_t pid = found.Int(0, 3);
  const bool dead = IsDead(found.Text(0, 2), found.Text(0, 4), pid);
  if (found.Bool(0, 5) && !dead) {
    Refuse(fmt::format("process {} on {}", pid, found.Text(0, 2)), HolderText(connection, release_));
  }
  taken_ = {{"host", host}, {"pid", ::getpid()}};
  if (!found.IsNull(0, 6)) {
    taken_["taken_over_from"] = {{"host", found.Text(0, 2)}, {"pid", pid}, {"token", found.Int(0, 0)}, {"dead", dead}};
  }
  token_ = connection
               .Query(Sql(sql_text::kLeaseTake),
                      {release_, options_.application_name, host, std::to_string(::getpid()), WhereIdsHold()})
               .Int(0, 0);
  taken_["token"] = token_;
  base::Failpoint(base::FailpointId::kLeaseBeforeTake);
  transaction.Commit();
  base::Failpoint(base::FailpointId::kLeaseAfterTake);
  EndFormer(connection, found.Optional(0, 7), found.Optional(0, 8));
}

// A former runner that sleeps, or whose statement still runs, could write outside every transaction that the token
// guards. Its session is ended; it gets no other one that does so.
void Lease::EndFormer(pg::Connection& connection, const pg::Param& pid, const pg::Param& began) {
  if (!pid || !began) return;
  std::string detail = fmt::format("process {} of the server did not end", *pid);
  try {
    const auto former = connection.Query(Sql(sql_text::kLeaseEndFormer), {pid, began});
    if (former.rows() == 0 || (!former.IsNull(0, 0) && !former.Bool(0, 0))) return;
    if (!former.IsNull(0, 0) && former.Bool(0, 1)) {
      taken_["sessions_ended"] = 1;
      return;
    }
    if (former.IsNull(0, 0))
      detail = fmt::format("process {} of the server, of a role that this one is no member of", *pid);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    detail = fmt::format("process {} of the server: {}", *pid, error.message());
  }
  Refuse("its session is still there", detail);
}

void Lease::Write(pg::Connection& connection, std::string_view sql, base::FailpointId before_commit) const {
  pg::Transaction transaction(connection);
  MarkAsOwn(connection, tag_secret_, {.release = release_});
  connection.Query(Sql(sql), {release_, std::to_string(token_)});
  base::Failpoint(before_commit);
  transaction.Commit();
}

void Lease::Renew(const std::stop_token& stop) {
  std::optional<pg::Connection> connection;
  while (base::SleepUnlessStopped(stop, kBeat)) {
    try {
      if (!connection || connection->Broken()) connection.emplace(pg::Connection::Open(options_));
      Write(*connection, sql_text::kLeaseRenew, base::FailpointId::kLeaseBeforeRenew);
    } catch (const base::Error& error) {
      // Hold() decides, not the heart: a lease that could not be renewed is lost only when someone else took it.
      base::Debug("the lease could not be renewed: {}", error.message());
    }
  }
}

void Lease::Hold(pg::Connection& connection) const {
  if (connection.Query(Sql(sql_text::kLeaseHold), {release_, std::to_string(token_)}).rows() == 1) return;
  throw base::Error(base::Code::kLeaseLost, "another runner took this release over")
      .Detail(fmt::format("token {}", token_));
}

Fence::Fence(const pg::ConnectOptions& options, const Lease& lease) : connection_(pg::Connection::Open(options)) {
  connection_.Exec("BEGIN");
  lease.Hold(connection_);
  // A statement with parameters leaves its portal open, and with it a snapshot for which an index build would wait for
  // ever. This one takes its place, needs no snapshot and leaves nothing.
  connection_.Exec("SHOW transaction_isolation");
  heart_ = std::jthread([this](const std::stop_token& stop) {
    while (base::SleepUnlessStopped(stop, kBeat)) {
      try {
        // The empty statement takes no snapshot, and yet the server does not count the session as idle for long. A
        // process that was stopped sends none, so the server ends its fence.
        connection_.Exec("");
      } catch (const base::Error& error) {
        base::Debug("the fence fell: {}", error.message());
        fell_ = true;
        return;
      }
    }
  });
}

Fence::~Fence() {
  heart_.request_stop();
  if (heart_.joinable()) heart_.join();
  try {
    if (!fell_) connection_.Exec("ROLLBACK");
  } catch (const base::Error& error) {
    base::Debug("fence: {}", error.message());
  }
}

void Fence::Check() const {
  if (fell_) throw base::Error(base::Code::kLeaseLost, "the session that held the lease during the step was ended");
}

}  // namespace run
