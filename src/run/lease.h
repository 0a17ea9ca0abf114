#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "base/failpoint.h"
#include "base/json.h"
#include "pg/connection.h"

namespace run {

// One runner at a time: a row with a fencing token. It lives 15 s and is renewed every 3 s by a thread with a
// connection of its own. Every transaction of a step reads the row FOR KEY SHARE: a takeover (FOR UPDATE) waits for it,
// the renewal (which touches no key column) does not, and a runner whose token is no longer the row's cannot commit.
//
// The row names the runner's own session, which also runs what is in no transaction, by its process and its beginning:
// who takes over ends that one and no other. No lock that another role could take decides anything here.
//
// A crash leaves the row; it is taken over once it ran out, or at once where its process was on this host and is dead.
class Lease {
 public:
  // Throws kLeaseHeld with the holder's host, process and age.
  Lease(const pg::ConnectOptions& options, pg::Connection& connection, std::string release, std::string tag_secret);
  // Gives the lease back.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] std::int64_t token() const { return token_; }
  // For the journal: token, host, pid, and who had it before.
  [[nodiscard]] const base::Json& taken() const { return taken_; }
  // Inside a transaction, whose COMMIT is safe from then on. Throws kLeaseLost. Threads: safe from any, each with its
  // connection.
  void Hold(pg::Connection& connection) const;

 private:
  void Take(pg::Connection& connection);
  // Takes the row's lock, too. Throws kLeaseHeld, with who holds that.
  [[nodiscard]] pg::Result Look(pg::Connection& connection) const;
  void EndFormer(pg::Connection& connection, const pg::Param& pid, const pg::Param& began);
  void Renew(const std::stop_token& stop);
  // One statement in a transaction of its own, marked as the release's.
  void Write(pg::Connection& connection, std::string_view sql, base::FailpointId before_commit) const;

  pg::ConnectOptions options_;
  std::string release_;
  std::string tag_secret_;
  std::int64_t token_ = 0;
  base::Json taken_;
  std::jthread heart_;
};

// A lease held by a second session in a transaction of its own, for as long as something runs that is in no
// transaction. It takes no snapshot once it stands, so a concurrent index build does not wait for it.
class Fence {
 public:
  Fence(const pg::ConnectOptions& options, const Lease& lease);
  ~Fence();
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;
  // Throws kLeaseLost where the fence fell meanwhile.
  void Check() const;

 private:
  pg::Connection connection_;
  std::atomic<bool> fell_{false};
  std::jthread heart_;
};

}  // namespace run
