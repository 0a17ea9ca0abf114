#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "journal/event.h"

namespace journal {

// The append-only event log of one release in one environment. The mirror in the database is what counts, for every
// checkout; DIRECTORY/journal.jsonl is a checkout's copy of it, with a tail that has not reached the database yet.
// Two-step use by who changes something: Append("intent", ...), do it, Append("outcome", ...). Append returns when the
// line is synced, so a crash leaves a prefix, at most with a torn last line, which Open reads up to, cuts off at the
// next Append, and says so. One runner at a time writes (the lease in the database sees to that); a flock on the file
// keeps single lines apart.
class Journal {
 public:
  // Reads and checks the chain; a missing file is an empty journal. Throws kJournalBroken (exit 13, with the line)
  // where it breaks elsewhere than at its torn tail.
  static Journal Open(const std::filesystem::path& directory);
  // Takes over what the mirror has, in memory: the file follows with the next Append. Lines of the file that the
  // database went on without, because another checkout did or the server was restored, are none of the mirror's: those
  // of kinds that are carried stand behind the mirror's again, with new numbers, and the others in a `parted` event,
  // where they count for nothing. A crash amid the Append leaves the old file, or the new one with all of them. Throws
  // kJournalBroken where the mirror's lines do not hang together, kJournalForked where they are another database's.
  void Follow(const std::vector<std::string>& mirrored);

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] bool torn_tail() const { return torn_tail_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Under the file's lock, held for this one line. Lines that others (`note`, `evidence`) wrote since Open are read
  // first; where a runner wrote, throws kJournalBusy: who appends does not know any more where the release stands.
  // Throws kFileWrite.
  const Event& Append(std::string_view kind, base::Json body);
  // What a look at the database found: it counts at once, and is written before the next line that is. A look alone
  // writes nothing.
  void Find(std::string_view kind, base::Json body);
  // Writes what was found and taken over without a line more.
  void Settle();
  // How many of the events are in the file or in the mirror.
  [[nodiscard]] std::int64_t Written() const { return static_cast<std::int64_t>(known_); }
  // The last event of this kind that counts (journal::Counts); null: none.
  [[nodiscard]] const Event* Last(std::string_view kind) const;

 private:
  std::filesystem::path path_;
  std::vector<Event> events_;
  bool torn_tail_ = false;
  std::uintmax_t whole_bytes_ = 0;  // without the torn tail
  std::uintmax_t seen_bytes_ = 0;   // with it
  // The events are: those in the file, those of the mirror that it lacks, and those that were found.
  std::size_t in_file_ = 0;
  std::size_t known_ = 0;
  bool anew_ = false;  // the file has lines that are none of the mirror's, and is to be written anew; in_file_ is 0

  void Push(base::Time at, std::string_view kind, base::Json body);
  void Part(const std::vector<Event>& tail, std::int64_t at);
  void SettleLocked();
  void WriteFrom(std::size_t index);
  void ReadOn();
  void CutTornTail();
};

}  // namespace journal
