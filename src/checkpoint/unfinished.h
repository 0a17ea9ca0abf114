#pragma once

#include <filesystem>
#include <optional>

#include "journal/journal.h"

namespace checkpoint {

// A server that is being made from a checkpoint is noted in the release's state, STATE/restoring.json, before anything
// of it exists. So what a killed command leaves of it, a copy and maybe a running server, is found by the next one.

// To be called before the directory is made and claimed; replaces the note of the last time.
void NoteRestore(const std::filesystem::path& state, const std::filesystem::path& directory);
// The directory that a killed command left; nothing: there is none, it is still worked on, or the journal knows it as
// restored.
std::optional<std::filesystem::path> Unfinished(const std::filesystem::path& state, const journal::Journal& journal);
// Stops the server in it and removes it. A crash here leaves it to the next call.
void RemoveUnfinished(const std::filesystem::path& state, const journal::Journal& journal);

}  // namespace checkpoint
