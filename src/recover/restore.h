#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "backup/provider.h"
#include "backup/wal_account.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/verify.h"
#include "journal/journal.h"

namespace recover {

struct RestoreOptions {
  // The old server; empty: what libpq's own variables name; nothing: it is not asked. It is only asked to finish its
  // WAL segment.
  std::optional<std::string> conninfo = std::nullopt;
  std::filesystem::path state;      // of the release: checkpoint.json, run.secret
  std::filesystem::path directory;  // of the new server; absolute; must not exist
  std::filesystem::path
      source_wal;  // the old server's pg_wal on this machine, for when it cannot be reached; may be empty
  std::chrono::milliseconds deadline = std::chrono::hours(12);
  std::function<void(const std::string&)> tell;  // what it is doing, for people; may be empty
};

struct RestoreReport {
  checkpoint::Checkpoint checkpoint;
  backup::Restored restored;
  checkpoint::Verification verification;
  std::chrono::milliseconds took{0};              // from the start to a verified server
  std::optional<backup::WalAccount> left_behind;  // nothing: the archive cannot be read here
  std::string left_behind_note;                   // how far it was counted, or why not
};
base::Json ToJson(const RestoreReport& report);

// Makes a new server from the release's checkpoint, recovered exactly to its point, beside the old one, which is never
// changed; compares it with what the checkpoint knows; counts the transactions that it leaves behind;
// writes `restored` into the journal. The server is left running. Throws the codes of BackupProvider::StartRestore,
// checkpoint::Load; kRestoreUnverified after a comparison that failed (the journal has it, the server is
// left running).
RestoreReport Restore(const RestoreOptions& options, backup::BackupProvider& provider, journal::Journal& journal);

}  // namespace recover
