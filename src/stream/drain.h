#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace stream {

struct DrainRequest {
  pg::ConnectOptions connect = {};  // directly to the server: no pooler passes replication on
  std::string slot = {};            // empty: there is none
  std::vector<std::string> publications = {};
  pg::Lsn from = {};                 // transactions that committed before it are not wanted: the checkpoint's point
  std::filesystem::path state = {};  // of the release
  std::chrono::milliseconds busy_wait = std::chrono::seconds(10);  // for another reader of the slot to end
  base::Stop stop = nullptr;
  double share = 1;  // of the time in which it reads, and so the server decodes: above 0
  // For a slot of a standby, which replays as it is told to: replays more, and says up to where. It is asked when
  // all that was replayed before is in the spool, and safe; nothing: there is no more. Empty: the server is a primary.
  std::function<std::optional<pg::Lsn>()> replay = {};
};

struct Drained {
  // Why the stream does not evidence what was asked, a sentence without a full stop; empty: it does.
  std::string not_evidenced = {};
  // It is gone for good, and not only out of reach for the moment.
  bool lost = false;
  pg::Lsn through = {};           // all that committed before it is in the spool
  std::int64_t transactions = 0;  // that this call added
  std::int64_t changes = 0;
  std::int64_t nobodys = 0;
};

// Reads the slot into the spool, up to the end of the server's log at the time of the call: every transaction whose
// COMMIT had returned by then is in the spool. To know that end, it writes a message of its own into the log; a standby
// cannot, and is read up to where it has replayed. The slot is only told what is safe on disk; memory does not grow
// with the size of a transaction.
//
// A slot that is absent, lost, moved by somebody else or in use is a value, not an exception; so is a server that was
// put back to a state from before what was read of it. Throws kInterrupted, and what connecting and writing files
// throws. A crash at any time leaves whole transactions; the next call goes on.
Drained Drain(const DrainRequest& request);

}  // namespace stream
