#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backup/provider.h"
#include "backup/wal_account.h"
#include "checkpoint/checkpoint.h"
#include "pg/connection.h"
#include "recover/salvage.h"

namespace recover {

// Connects to the old server; says why there is no connection, as a sentence without a full stop.
std::string AskFor(const std::optional<std::string>& conninfo, std::optional<pg::Connection>& server);

struct LogRequest {
  const checkpoint::Checkpoint& checkpoint;
  std::filesystem::path state = {};  // of the release
  backup::BackupProvider& provider;
  pg::Connection* server = nullptr;       // the old one; null: it does not answer
  std::string silent = {};                // why not, a sentence without a full stop
  std::filesystem::path source_wal = {};  // the old server's pg_wal on this machine; may be empty
  bool finish = false;                    // where the end of the old server's log is out of reach, have it archived
  std::uint64_t segments_most = 0;        // no more are read; 0: all
};

// What a restore leaves behind, as the write-ahead log itself tells (pg_waldump): for where no stream can be read, and
// beside it. It knows transactions, tables and how many rows, no columns and no values.
struct LogCount {
  std::optional<backup::WalAccount> account = {};  // nothing: the archive cannot be read here
  std::string note = {};                           // how far it was counted, or why not
  bool to_the_end = false;                         // of the old server's log
  std::vector<std::string> unlogged = {};          // tables that the log does not have, a sentence each
};
// What is in the way is a value, not an exception. Throws kInterrupted.
LogCount CountInLog(const LogRequest& request);

// The loss account as CountLoss tells it, from the archive's log where the stream does not have it, or ends before what
// the archive has. Throws kNoCheckpoint, kSalvageNotEvidenced.
Loss CountLossAnyhow(const SalvageOptions& options);

}  // namespace recover
