#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace journal {

// One line of journal.jsonl: canonical JSON of {seq, at, kind, body, prev, hash}, where hash = SHA-256 over the
// canonical JSON of the line without `hash`, and prev = the hash of the line before (64 zeros for the first).
// docs/formats/journal.md is the specification.
struct Event {
  std::int64_t seq = 0;  // from 1, without gaps
  base::Time at;
  std::string kind;  // one of events.def
  base::Json body;
  std::string prev;
  std::string hash;
};

std::string ToLine(const Event& event);  // without newline
// Throws kBadJson.
Event FromLine(const std::string& line);
// What stands for the hash before the first event.
inline const std::string kNoHash(64, '0');
// The hash that the event ought to have.
std::string HashOf(const Event& event);

// Where a chain breaks. kNone: it holds.
enum class Break { kNone, kTorn, kChanged, kRemoved, kReordered, kShortened };
struct ChainCheck {
  Break broken = Break::kNone;
  std::int64_t line = 0;      // the first line, from 1, at which it breaks
  std::string text;           // a sentence
  std::vector<Event> events;  // those before the break
  bool torn_tail = false;     // the last line has no newline or is no JSON: read up to it
};
// Pure. `expected_count` and `expected_head`: what a package or the mirror says there was; 0 and empty: not known.
ChainCheck CheckChain(const std::string& text, std::int64_t expected_count = 0, const std::string& expected_head = {});

// Which events count for where a release stands. `rewound` {lines} takes back what stands between it and the first so
// many lines: the server was restored, and what it does not know of did not happen on it. Pure.
std::vector<bool> Counts(std::span<const Event> events);
// Those that count, copied only where others do not.
class Counting {
 public:
  explicit Counting(std::span<const Event> events);
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  [[nodiscard]] std::span<const Event> events() const { return events_; }

 private:
  std::vector<Event> kept_;
  std::span<const Event> events_;
};

}  // namespace journal
