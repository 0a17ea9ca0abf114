#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "backup/pgbackrest/tool.h"
#include "backup/provider.h"

namespace backup::pgbackrest {

// The segments of one archive ("15-1") of the repository, asked for folder by folder: each holds 256 of them at most.
class SegmentList {
 public:
  SegmentList(const Tool& tool, std::string archive) : tool_(tool), archive_(std::move(archive)) {}
  // Throws kRepositoryUnusable.
  bool Holds(const std::string& segment);
  [[nodiscard]] std::string Name() const;  // for people

 private:
  const Tool& tool_;
  std::string archive_;
  std::map<std::string, std::set<std::string>> folders_;
};

// False: the archive does not have it. Throws kRepositoryUnusable, also where the source's data directory, which tells
// the tool which archive to look into, is gone.
bool FetchSegment(const Tool& tool, const std::string& segment, const std::filesystem::path& to);

// That the archive holds the point; throws kPointUnknown. Does nothing where that directory is gone.
void CheckPointInArchive(const Tool& tool, const Backup& backup, const Point& point);

}  // namespace backup::pgbackrest
