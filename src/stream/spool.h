#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pg/lsn.h"
#include "stream/entry.h"

// What was read from a slot, on disk: STATE/stream/SLOT/ (0700), with
//  - messages: the changes of each transaction as the server sent them, each behind its length (4 bytes);
//  - index: an Entry for each transaction, in the order of the commits, each behind its length;
//  - place.json: how many bytes of both count, and up to where the slot was read.
//
// place.json is replaced, atomically, after both files were synced, and only then is the slot told. So a crash leaves
// bytes behind the place, whole transactions or parts, which the next Open cuts off and the slot sends again. What
// stands before the place is whole and does not change.
namespace stream {

struct Place {
  pg::Lsn through = {};      // all that committed before it is here
  pg::Lsn last_commit = {};  // of the last transaction that was sent; 0: none was
  std::uint64_t messages = 0;
  std::uint64_t index = 0;
  std::int64_t transactions = 0;
  std::int64_t nobodys = 0;  // transactions without changes or marks, which are not kept
};

std::filesystem::path SpoolDirectory(const std::filesystem::path& state, const std::string& slot);
// Nothing: there is no spool, or nothing in it counts. Throws kSpoolBroken.
std::optional<Place> ReadPlace(const std::filesystem::path& directory);

// The writer. One process at a time: a lock on a file beside says so.
class Spool {
 public:
  // Opens or makes it, and cuts off what does not count. A new one takes the place of those of other slots. Throws
  // kSpoolBusy where another process has it, kSpoolBroken where less is there than the place says, kFileWrite.
  static Spool Open(const std::filesystem::path& state, const std::string& slot);
  Spool(Spool&&) noexcept;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  // What is safe on disk.
  [[nodiscard]] const Place& place() const;
  // Where the next message goes.
  [[nodiscard]] std::uint64_t End() const;
  // Bytes that are not safe yet.
  [[nodiscard]] std::uint64_t Unsafe() const;

  // Appends a message of the transaction that is being read.
  void Add(std::string_view message);
  // The transaction is whole. One that has nothing in it is counted only.
  void Close(const Entry& entry);
  // Between two transactions: when this returns, all that was closed survives a power cut. `through` as in Place.
  void MakeSafe(pg::Lsn through);

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Removes all that is kept of the streams of a release: it has the values of rows in it.
void RemoveSpools(const std::filesystem::path& state);

}  // namespace stream
