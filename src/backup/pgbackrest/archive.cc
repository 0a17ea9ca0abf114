#include "backup/pgbackrest/archive.h"

#include <fmt/core.h>

#include "backup/waldump.h"
#include "base/json.h"
#include "sandbox/workspace.h"

namespace backup::pgbackrest {
namespace {

base::Finished Get(const Tool& tool, const std::string& segment, const std::filesystem::path& to) {
  return tool.Run("archive-get", {"--no-archive-async", segment, to.string()});
}

}  // namespace

std::string SegmentList::Name() const {
  return fmt::format("the archive {} of pgBackRest's stanza {}", archive_, tool_.options().stanza);
}

// A segment's file is called SEGMENT-CHECKSUM, with the ending of its compression.
bool SegmentList::Holds(const std::string& segment) {
  constexpr std::size_t kFolder = 16;
  constexpr std::size_t kSegment = 24;
  const std::string folder = segment.substr(0, kFolder);
  const auto [found, missing] = folders_.try_emplace(folder);
  if (missing) {
    const std::string path = fmt::format("archive/{}/{}/{}", tool_.options().stanza, archive_, folder);
    const base::Finished finished = tool_.Run("repo-ls", {"--output=json", path});
    if (finished.exit != 0) throw Failure(base::Code::kRepositoryUnusable, "repo-ls", finished);
    const base::Json files = base::ParseJson(finished.out, "the output of pgbackrest repo-ls");
    for (const auto& [name, facts] : files.items()) {
      if (name.size() > kSegment && name[kSegment] == '-') found->second.insert(name.substr(0, kSegment));
    }
  }
  return found->second.contains(segment);
}

bool FetchSegment(const Tool& tool, const std::string& segment, const std::filesystem::path& to) {
  const base::Finished finished = Get(tool, segment, to);
  if (finished.exit > kNotFound) throw Failure(base::Code::kRepositoryUnusable, "archive-get", finished);
  return finished.exit == 0;
}

void CheckPointInArchive(const Tool& tool, const Backup& backup, const Point& point) {
  const sandbox::Workspace workspace("point");
  for (const std::string& segment : SegmentsOfPoint(point, backup.segment_bytes)) {
    const base::Finished finished = Get(tool, segment, workspace.path() / segment);
    if (finished.exit == kFileMissing || finished.exit == kArchiveMismatch) return;
    // One that is not there is missed by who reads it.
    if (finished.exit > kNotFound) throw Failure(base::Code::kRepositoryUnusable, "archive-get", finished);
  }
  CheckPoint(workspace.path(), backup, point);
}

}  // namespace backup::pgbackrest
