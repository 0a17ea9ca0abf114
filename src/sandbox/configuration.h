#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/process.h"

namespace sandbox {

// Writes switchback.conf and the authentication rules into a data directory and lets `settings` win over everything
// else there. Files are read and written as `account`, whose directory it is. Every file is replaced whole; a crash in
// between leaves settings of the last time.
void WriteConfiguration(const std::filesystem::path& data, const std::map<std::string, std::string>& settings,
                        const std::optional<base::Account>& account);

}  // namespace sandbox
