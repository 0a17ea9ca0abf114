#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "journal/event.h"

namespace journal {

// The append-only event log of one release in one environment: DIRECTORY/journal.jsonl, outside the database. Two-step
// use by who changes something: Append("intent", ...), do it, Append("outcome", ...). Append returns when the line is
// synced, so a crash leaves a prefix, at most with a torn last line, which Open reads up to, cuts off at the next
// Append, and says so. One runner at a time writes (the lease in the database sees to that); a flock on the file keeps
// single lines apart.
class Journal {
 public:
  // Reads and checks the chain; a missing file is an empty journal. Throws kJournalBroken (exit 13, with the line)
  // where it breaks elsewhere than at its torn tail.
  static Journal Open(const std::filesystem::path& directory);
  // Writes the file anew from the mirror's lines, where it is gone, and opens it with a `rebuilt` event at its end. A
  // crash leaves no file, or all lines. Throws kJournalBroken where the lines do not hang together.
  static Journal Rebuild(const std::filesystem::path& directory, const std::vector<std::string>& lines);

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
  // How many of the events are in the file.
  [[nodiscard]] std::int64_t Written() const;
  // The last event of this kind that counts (journal::Counts); null: none.
  [[nodiscard]] const Event* Last(std::string_view kind) const;

 private:
  std::filesystem::path path_;
  std::vector<Event> events_;
  bool torn_tail_ = false;
  std::uintmax_t whole_bytes_ = 0;  // without the torn tail
  std::uintmax_t seen_bytes_ = 0;   // with it
  bool found_ = false;              // the last event is one that was found, and is not written

  [[nodiscard]] Event Next(std::string_view kind, base::Json body) const;
  void Write(Event event);
  void ReadOn();
  void CutTornTail();
};

}  // namespace journal
