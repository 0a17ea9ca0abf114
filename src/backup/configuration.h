#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"

// What a server on a copy of a backup takes from the configuration that came with it. That may be anybody's, and names
// commands, libraries, files and other servers; it was made for another place. So only what is on a list counts.
namespace backup {

struct Configuration {
  std::string kept;
  std::string left_out;  // the other lines that set something
};
// Pure. Of libraries to preload those stay that are known to call nowhere.
Configuration AllowListed(const std::string& text);

// Throws kRestoreFailed where there is a symbolic link below `data`, but for those of tablespaces.
void RefuseLinks(const std::filesystem::path& data);

// Leaves of postgresql.conf and postgresql.auto.conf in `data` what is on the list, and writes the rest to `left_out`,
// for who makes it the new server. Links are refused first.
void ReduceConfiguration(const std::filesystem::path& data, const std::filesystem::path& left_out);

}  // namespace backup
