#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backup/wal.h"
#include "pg/connection.h"
#include "pg/lock_watch.h"

namespace checkpoint {

struct StreamRequest {
  std::string hex;    // of the release
  std::string stamp;  // digits: what tells this slot from those of other checkpoints of the release
  std::int64_t slot_bytes_max = 0;
  pg::LockPatience locks = {};  // of the publications
  std::chrono::milliseconds slot_deadline{0};
};

// The publications and the logical slot of a checkpoint. What cannot be had is left out, with a sentence in `off`, or
// in `no_slot`; a slot is never made without a limit to the WAL that it keeps. Unless Keep() is called, the destructor
// drops the slot; publications stay: they cost nothing, and the next checkpoint replaces them.
class Stream {
 public:
  // Throws kSlotDeadline (with the transactions it waits for), kLockTimeout, kConnectionLost.
  Stream(pg::Connection& connection, const StreamRequest& request);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  // The checkpoint stands: drops the release's other slots, those of crashed attempts among them.
  void Keep();

  [[nodiscard]] const std::vector<std::string>& publications() const { return publications_; }
  [[nodiscard]] const std::string& slot() const { return slot_; }  // empty: none
  // Where the slot's decoding begins: no transaction that it will show began earlier.
  [[nodiscard]] std::optional<backup::Lsn> restart() const { return restart_; }
  [[nodiscard]] const std::vector<std::string>& off() const { return off_; }
  // Why there is no slot, and the remedy; empty: there is one.
  [[nodiscard]] const std::string& no_slot() const { return no_slot_; }

 private:
  void Publish();
  void DropUnusedPublications();
  bool Publish(const std::string& name, const std::vector<std::string>& tables, const std::string& operations);
  [[nodiscard]] bool LimitIsSet();
  void MakeSlot();

  pg::Connection& connection_;
  StreamRequest request_;
  std::vector<std::string> publications_;
  std::string slot_;
  std::optional<backup::Lsn> restart_;
  std::vector<std::string> off_;
  std::string no_slot_;
  bool kept_ = false;
};

// Drops the slots and the publications of a release that is over, or that has a checkpoint no more: a slot keeps WAL on
// the server. What the server refuses stays, with a warning that names it.
void DropStream(pg::Connection& connection, const std::string& hex);

}  // namespace checkpoint
