#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "journal/event.h"

namespace evidence {

// The body of an event with its `seq` and `at`.
base::Json Entry(const journal::Event& event);
// A member of an object as text, or "" where there is none or it is no text.
std::string TextAt(const base::Json& object, const char* key);

// One attempt at a step, in one direction: its intent and what became of it.
struct Run {
  std::string step;
  bool forward = true;
  const journal::Event* intent = nullptr;
  const journal::Event* end = nullptr;       // `outcome` or `failed`; null: nothing is on record
  [[nodiscard]] std::string Result() const;  // "done", "failed", "unfinished"
};
std::vector<Run> RunsOf(std::span<const journal::Event> events);
base::Json ToJson(const Run& run);

// The events since the release was last opened; all, where it never was.
std::span<const journal::Event> SinceOpened(std::span<const journal::Event> events);

// True for a `proven` or `restored` event whose server was compared and not found different.
bool ProvesRestore(const journal::Event& event);
// How long that restore took, in milliseconds; null: not on record.
base::Json RestoreTime(const journal::Event& event);

// Ways back that were taken: an unbroken sequence of reverse steps, or a restore, each with its measured time.
base::Json WaysTaken(std::span<const journal::Event> events);

}  // namespace evidence
