#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stop.h"
#include "pg/connection.h"
#include "pg/lsn.h"

namespace pg {

struct ReplicationOptions {
  ConnectOptions connect;
  std::string slot;  // of the plugin pgoutput
  std::vector<std::string> publications;
  Lsn start = {};  // no transaction that committed before it is sent, nor one before where the slot stands
  std::chrono::milliseconds silence = std::chrono::minutes(10);  // how long the server may say nothing at all
  base::Stop stop = nullptr;
};

// Reads a logical slot over the streaming replication protocol: whole transactions in the order of their commits, in
// pgoutput's protocol 1, with the messages of pg_logical_emit_message; values are texts in the form that Connection
// pins. The slot keeps what is not confirmed, so a session that ends anyhow loses nothing.
//
// Throws what connecting throws; kSlotLost (no such slot or publication, or it no longer has what it was to send),
// kSlotBusy (another session reads it), kConnectionLost, kDeadline (silence), kInterrupted.
class Replication {
 public:
  explicit Replication(const ReplicationOptions& options);
  Replication(Replication&&) noexcept;
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;
  // Breaks the connection; the slot stays where it was confirmed, and may be in use for a moment longer.
  ~Replication();

  struct Received {
    std::string_view data = {};  // a message of pgoutput; empty: a sign of life
    Lsn at = {};                 // of a sign of life: all that committed before it was sent
    bool reply_wanted = false;
  };
  // Waits for the next one. Its data is valid until the next call.
  Received Next();
  // Tells the server what was received, and what is safe here and need not be sent again.
  void Confirm(Lsn received, Lsn safe);
  // Ends the stream in good order: the slot is free when this returns. Messages that were on their way are lost.
  void End();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pg
