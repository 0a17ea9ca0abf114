#include "checkpoint/unfinished.h"

#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "sandbox/workspace.h"

namespace checkpoint {
namespace {

namespace fs = std::filesystem;

fs::path NoteOf(const fs::path& state) { return state / "restoring.json"; }

}  // namespace

void NoteRestore(const fs::path& state, const fs::path& directory) {
  base::WriteFile(NoteOf(state), base::Json{{"directory", directory.string()}}.dump() + "\n", 0600);
}

std::optional<fs::path> Unfinished(const fs::path& state, const journal::Journal& journal) {
  std::error_code ignored;
  if (!fs::exists(NoteOf(state), ignored)) return std::nullopt;
  const std::string directory = base::ReadJsonFile(NoteOf(state)).value("directory", "");
  const bool recorded = std::ranges::any_of(journal.events(), [&](const journal::Event& event) {
    return event.kind == "restored" && event.body.value("directory", base::Json()) == directory;
  });
  if (directory.empty() || recorded || !sandbox::Abandoned(directory)) return std::nullopt;
  return directory;
}

void RemoveUnfinished(const fs::path& state, const journal::Journal& journal) {
  const std::optional<fs::path> directory = Unfinished(state, journal);
  if (!directory || !sandbox::RemoveAbandoned(*directory)) return;
  base::Info("removed {}, which a restore left that was interrupted", directory->string());
}

}  // namespace checkpoint
