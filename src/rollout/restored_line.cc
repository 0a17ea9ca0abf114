#include "rollout/restored_line.h"

#include <fmt/core.h>

#include <algorithm>

#include "backup/line.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "rollout/sql_text.h"

namespace rollout {
namespace {

bool Proves(const std::filesystem::path& state, const backup::Line& line) {
  try {
    const std::optional<checkpoint::Checkpoint> found = checkpoint::Find(state);
    return found && found->proof && backup::LineOf(found->point) == line;
  } catch (const base::Error&) {
    return false;  // its own `status` says what is wrong with it
  }
}

}  // namespace

std::optional<RestoredLine> LookAtLine(pg::Connection& connection, const release::Project& project) {
  backup::Line line;
  try {
    line = backup::ReadLine(connection);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kPrivilege) throw;
    return std::nullopt;
  }
  if (line.restored.empty()) return std::nullopt;
  return RestoredLine{.line = line.restored,
                      .archives = connection.Exec(std::string(sql_text::kReadArchives)).Bool(0, 0),
                      .proven = std::ranges::any_of(release::ReleaseDirectories(project), [&](const auto& directory) {
                        return Proves(project.StateOf(directory.filename().string()), line);
                      })};
}

std::string ShowLine(const std::optional<RestoredLine>& line, const std::string& release) {
  if (!line || (line->archives && line->proven)) return "";
  const std::string prove = fmt::format("`switchback checkpoint {} --prove`", release);
  if (line->archives) return "\n  this server was restored, and no backup of it is proven yet: " + prove;
  return "\n  this server was restored, and archives nothing: `switchback init --apply`, restart it, then " + prove;
}

base::Json LineFacts(const std::optional<RestoredLine>& line) {
  if (!line) return nullptr;
  return {{"line", line->line}, {"archives", line->archives}, {"proven", line->proven}};
}

}  // namespace rollout
