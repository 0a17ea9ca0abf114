#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "backup/line.h"
#include "backup/provider.h"
#include "release/project.h"

namespace rollout {

// The backup provider that the environment names, for a server of this line; the table of those there are. Throws
// kNoRepository.
std::unique_ptr<backup::BackupProvider> MakeProvider(const release::Environment& environment, const backup::Line& line);

// The same, for the checkpoint in force; null where there is none, or no provider is named.
std::unique_ptr<backup::BackupProvider> ProviderIfAny(const release::Environment& environment,
                                                      const std::filesystem::path& state);

// Where a server restored to the point goes when nobody says: a new name below the place that switchback.yaml gives.
// Throws kNoRepository.
std::filesystem::path NewServerDirectory(const release::Environment& environment);

// Whether a restore to the point could begin now. A checkpoint was restorable when it was taken; since then a backup
// may have expired, or a file of the archive be gone.
struct Restorable {
  std::optional<bool> can;  // nothing: it could not be asked
  std::string why_not;
};
Restorable AskRestorable(const release::Environment& environment, const backup::Point& point);

}  // namespace rollout
