#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "journal/event.h"

namespace journal {
namespace {

struct Line {
  std::string text;
  bool complete = true;  // ends in a newline
};

std::vector<Line> Split(const std::string& text) {
  std::vector<Line> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const bool complete = end != std::string::npos;
    lines.push_back({text.substr(begin, complete ? end - begin : std::string::npos), complete});
    begin = complete ? end + 1 : text.size();
  }
  return lines;
}

std::optional<Event> Read(const Line& line) {
  if (!line.complete) return std::nullopt;
  try {
    Event event = FromLine(line.text);
    // A line in another form than ours would hash the same, so its bytes count too.
    if (ToLine(event) != line.text) event.hash.clear();
    return event;
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

bool ComesLater(const std::vector<Line>& lines, std::size_t from, std::int64_t seq) {
  return std::any_of(lines.begin() + static_cast<std::ptrdiff_t>(from), lines.end(), [seq](const Line& line) {
    const auto event = Read(line);
    return event && event->seq == seq;
  });
}

void BreakAt(ChainCheck& check, Break how, std::int64_t line, std::string text) {
  check.broken = how;
  check.line = line;
  check.text = fmt::format("line {} {}", line, text);
}

// True where line `i` (from 0) goes on from those before it.
bool Follow(ChainCheck& check, const std::vector<Line>& lines, std::size_t i) {
  const auto number = static_cast<std::int64_t>(i) + 1;
  const auto event = Read(lines[i]);
  if (!event) {
    if (i + 1 == lines.size()) {
      check.torn_tail = true;
    } else {
      BreakAt(check, Break::kTorn, number, "is no journal line");
    }
    return false;
  }
  if (event->hash != HashOf(*event)) {
    BreakAt(check, Break::kChanged, number, "was changed: its content does not give its hash");
    return false;
  }
  if (event->seq != number) {
    const bool moved = event->seq < number || ComesLater(lines, i + 1, number);
    BreakAt(check, moved ? Break::kReordered : Break::kRemoved, number,
            moved ? fmt::format("is out of order: it is number {}", event->seq)
                  : fmt::format("is missing: number {} stands in its place", event->seq));
    return false;
  }
  const std::string& before = check.events.empty() ? kNoHash : check.events.back().hash;
  if (event->prev != before) {
    BreakAt(check, Break::kChanged, number, "does not follow from the one before it: one of the two was replaced");
    return false;
  }
  check.events.push_back(*event);
  return true;
}

}  // namespace

ChainCheck CheckChain(const std::string& text, std::int64_t expected_count, const std::string& expected_head) {
  ChainCheck check;
  const std::vector<Line> lines = Split(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!Follow(check, lines, i)) break;
  }
  const auto count = static_cast<std::int64_t>(check.events.size());
  if (check.broken != Break::kNone) return check;
  if (count < expected_count) {
    BreakAt(check, Break::kShortened, count + 1, fmt::format("is missing: there were {} lines", expected_count));
  } else if (expected_count > 0 && !expected_head.empty()) {
    const Event& head = check.events[static_cast<std::size_t>(expected_count) - 1];
    if (head.hash != expected_head)
      BreakAt(check, Break::kChanged, expected_count, "is another one than was known before");
  }
  return check;
}

}  // namespace journal
