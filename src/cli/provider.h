#pragma once

#include <memory>

#include "backup/provider.h"
#include "release/project.h"

namespace cli {

// The backup provider that the environment names; the table of those there are. Throws kNoRepository.
std::unique_ptr<backup::BackupProvider> MakeProvider(const release::Environment& environment);

// Makes what the server archives into, before its archive command is switched on.
void PrepareArchive(const release::Environment& environment);

}  // namespace cli
