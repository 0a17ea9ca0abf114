#pragma once

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

// That the archive holds the point; throws kPointUnknown. Does nothing where the tool cannot fetch a segment, because
// the source's data directory, which tells it which archive to look into, is gone.
void CheckPointInArchive(const Tool& tool, const Backup& backup, const Point& point);

}  // namespace backup::pgbackrest
